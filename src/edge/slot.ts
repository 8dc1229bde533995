// A request's hold on a replica's slot, from the grant to the last byte. The runtime gives the slot back by itself when the client
// or this Worker goes; this class gives it back when the response is over, and asks a restarted object to adopt the request.
import type { GrantAnswer } from "../../durable-objects/fleet-answers.ts";
import type { Ticket } from "../../durable-objects/ticket.ts";
import type { WatchEnd } from "../../durable-objects/pending-requests.ts";
import { BOUNDS } from "../limits.ts";
import { hashNames } from "../routing/rendezvous.ts";
import type { AnswerKind, Failure } from "../routing/health/outcome.ts";
import type { Exchange } from "./exchange.ts";
import { isOverloaded, objectOf } from "./fleet-stub.ts";
import type { FailedSlot, HeldSlot, ReplicaFailure } from "./grant.ts";
import { enqueuedSoFar, keepSuccess } from "./successes.ts";

/** The methods that the stub of a ticket has. */
type TicketStub = Pick<Ticket, "answered" | "failed" | "ended" | "succeeded">;

export class Slot implements HeldSlot {
  readonly #exchange: Exchange;
  readonly #enqueuedBefore: number;
  readonly #grant: GrantAnswer;
  readonly #grantedAtMs = Date.now();
  #id: number;
  #held: Disposable;
  #ticket: TicketStub;
  readonly #endWatch: () => void;
  #over = false;
  #failed = false;
  #answeredAtMs: number | null = null;
  /** The object has heard of the answer, and whether it then waits to hear how the body ends. */
  #told = false;
  #streams = false;
  #lost = false;
  #onLost = () => {};

  /** `held`: the object's answer. Disposing it gives back the ticket inside. */
  constructor(exchange: Exchange, grant: GrantAnswer, held: Disposable, ticket: unknown) {
    this.#exchange = exchange;
    this.#enqueuedBefore = enqueuedSoFar(exchange.client.app);
    this.#grant = grant;
    this.#id = grant.id;
    this.#held = held;
    this.#ticket = ticket as TicketStub;
    this.#endWatch = exchange.alarm.after(BOUNDS.watchAfterMs, () => void this.#watchRequest());
  }

  readonly passes = false;

  get proves(): boolean {
    return this.#grant.proves;
  }

  onLost(end: () => void): void {
    this.#onLost = end;
    if (this.#lost) end();
  }

  answered(kind: AnswerKind, inBandHints: readonly string[] | null, streams: boolean): Promise<void> | null {
    this.#answeredAtMs ??= Date.now();
    if (!this.#isNews(kind, inBandHints)) return null;
    this.#told = true;
    this.#streams = streams;
    return this.#tell((ticket) => ticket.answered({ kind, hints: inBandHints && [...inBandHints], streams }));
  }

  /** The first failure alone is told. */
  async failed(failure: Failure, inBandHints: readonly string[] | null = null): Promise<void> {
    if (this.#failed) return;
    this.#failed = true;
    await this.#tell((ticket) => ticket.failed(failure, inBandHints && [...inBandHints]));
  }

  handOver({ failure, hints }: ReplicaFailure): FailedSlot | null {
    if (this.#failed) return null;
    this.#failed = true;
    return { id: this.#id, failure, hints: hints && [...hints] };
  }

  done(): Promise<void> | null {
    if (this.#answeredAtMs !== null && !this.#told) return this.#succeeded(this.#answeredAtMs - this.#grantedAtMs);
    if (this.proves || this.#streams) return this.#end(true);
    this.release();
    return null;
  }

  brokeOff(): Promise<void> {
    return this.#end(false);
  }

  release(): void {
    if (this.#over) return;
    this.#over = true;
    this.#endWatch();
    this.#held[Symbol.dispose]();
  }

  /** Whether the answer tells the object anything that it had better know before the request is over. */
  #isNews(kind: AnswerKind, inBandHints: readonly string[] | null): boolean {
    const { awaitsAnswer, holds } = this.#grant;
    if (awaitsAnswer || kind !== "success") return true;
    return inBandHints !== null && (holds === null || hashNames(inBandHints) !== holds);
  }

  #succeeded(answeredAfterMs: number): Promise<void> | null {
    const now = Date.now();
    const heldMs = now - this.#grantedAtMs;
    const told = keepSuccess(this.#exchange.client.app, this.#enqueuedBefore, [this.#id, answeredAfterMs, heldMs], now)
      ? null
      : this.#tell((ticket) => ticket.succeeded(answeredAfterMs, heldMs));
    this.release();
    return told;
  }

  async #end(whole: boolean): Promise<void> {
    await this.#tell((ticket) => ticket.ended(whole));
    this.release();
  }

  /** Nothing is told once the slot is given back. News that is lost with a restarted object is of no use to the new one. */
  async #tell(news: (ticket: TicketStub) => void | Promise<void>): Promise<void> {
    if (this.#over) return;
    try {
      await news(this.#ticket);
    } catch (error) {
      console.warn(JSON.stringify({ message: "a ticket was lost", error: String(error) }));
    }
  }

  /**
   * Keeps a call to the object pending while the request runs. The call rejects when the object restarts; then the new object is asked to adopt the
   * request. The call returns early if the replica is gone. It goes to the object and not to the ticket, which is never disposed while a call pends.
   */
  async #watchRequest(): Promise<void> {
    do {
      const end = await this.#running();
      if (end === "over") return;
      if (end === "replica_gone") return this.#lose();
    } while (await this.#adopt());
  }

  /** The replica is gone. An answer that has begun goes on: the object had not heard of it yet. */
  #lose(): void {
    if (this.#answeredAtMs !== null) return;
    this.#lost = true;
    this.#onLost();
  }

  /** How the watch ended. An object that is overloaded has not restarted, so it is asked again later. */
  async #running(): Promise<WatchEnd> {
    for (let pauseMs: number = BOUNDS.watchAgainMs; !this.#over; pauseMs = Math.min(2 * pauseMs, BOUNDS.watchAgainMostMs)) {
      try {
        return await objectOf(this.#exchange).running(this.#id);
      } catch (error) {
        if (!isOverloaded(error)) return "unknown";
      }
      await scheduler.wait(pauseMs);
    }
    return "over";
  }

  /** Says whether the new object now holds the slot. */
  async #adopt(): Promise<boolean> {
    const { replica, incarnation, hint } = this.#grant;
    for (let attempt = 0; attempt < BOUNDS.adoptAttempts && !this.#over; attempt++) {
      if (attempt > 0) await scheduler.wait(BOUNDS.adoptRetryMs * 2 ** (attempt - 1));
      try {
        const elapsedMs = Date.now() - this.#grantedAtMs;
        const adopted = await objectOf(this.#exchange).adopt({
          replica,
          incarnation,
          hint,
          elapsedMs,
          answered: this.#answeredAtMs !== null,
        });
        if (adopted === null) return false;
        // The old ticket is gone with its object, unless the call alone failed.
        this.#held[Symbol.dispose]();
        this.#id = adopted.id;
        this.#held = adopted as typeof adopted & Disposable;
        this.#ticket = adopted.ticket as unknown as TicketStub;
        if (this.#over) this.#held[Symbol.dispose]();
        return !this.#over;
      } catch (error) {
        console.warn(JSON.stringify({ message: "the fleet did not adopt a request", replica, error: String(error) }));
      }
    }
    return false;
  }
}
