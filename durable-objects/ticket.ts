// The RPC object that holds a place in the queue or a slot on a replica, for exactly as long as a Worker holds the ticket. The runtime disposes the
// ticket when the client or the Worker goes, which gives back the place or the slot. No method of a ticket may wait for anything, because the runtime
// does not dispose a ticket while a call on it is pending (ARCHITECTURE.md, "Tickets").
import { RpcTarget } from "cloudflare:workers";
import type { Failure } from "../src/routing/health/outcome.ts";
import type { Answer, Success } from "../src/routing/lifecycle.ts";

/** What a ticket tells its fleet. */
export interface TicketHolder {
  answered(id: number, answer: Answer): void;
  failed(id: number, failure: Failure, inBandHints: readonly string[] | null): void;
  ended(id: number, whole: boolean): void;
  succeeded(success: Success): void;
  finished(id: number): void;
}

export class Ticket extends RpcTarget {
  readonly #id: number;
  readonly #holder: TicketHolder;

  constructor(id: number, holder: TicketHolder) {
    super();
    this.#id = id;
    this.#holder = holder;
  }

  /** Response headers came that are no failure. */
  answered(answer: Answer): void {
    this.#holder.answered(this.#id, answer);
  }

  /** The replica failed the request. The hints are those in its answer; null: none. */
  failed(failure: Failure, inBandHints: readonly string[] | null): void {
    this.#holder.failed(this.#id, failure, inBandHints);
  }

  /** The answer came whole; or it broke off, and nobody knows by whose fault. */
  ended(whole: boolean): void {
    this.#holder.ended(this.#id, whole);
  }

  /** The request is over and went well: gives the place or the slot back as well. Times are ms from the grant on. */
  succeeded(answeredAfterMs: number, heldMs: number): void {
    this.#holder.succeeded({ id: this.#id, answeredAfterMs, heldMs });
  }

  [Symbol.dispose](): void {
    this.#holder.finished(this.#id);
  }
}
