// The RPC object that holds a place in the queue or a slot on a replica, for exactly as long as somebody holds it: the runtime
// disposes it when the client or the Worker goes, and that gives back whatever it held. No method of it may wait for anything: the
// runtime does not dispose a target while a call on it is pending (ARCHITECTURE.md, "Tickets").
import { RpcTarget } from "cloudflare:workers";

/** What a ticket tells its fleet. */
export interface TicketHolder {
  answered(id: number, inBandHints: readonly string[] | null): void;
  unreachable(id: number): void;
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

  /** Response headers came, with the hints the replica sent along; null: it sent none. */
  answered(inBandHints: readonly string[] | null): void {
    this.#holder.answered(this.#id, inBandHints);
  }

  /** The replica could not be reached. */
  unreachable(): void {
    this.#holder.unreachable(this.#id);
  }

  [Symbol.dispose](): void {
    this.#holder.finished(this.#id);
  }
}
