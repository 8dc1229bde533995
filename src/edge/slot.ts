// A request's hold on a replica's slot, from the grant to the last byte. The runtime gives the slot back by itself when the client
// or this Worker goes; this class gives it back when the response is over, and asks a restarted object to adopt the request.
import type { GrantAnswer } from "../../durable-objects/fleet-answers.ts";
import type { Fleet } from "../../durable-objects/fleet.ts";
import type { Ticket } from "../../durable-objects/ticket.ts";
import type { WatchEnd } from "../../durable-objects/watched-requests.ts";
import { BOUNDS } from "../limits.ts";
import type { AnswerKind, Failure } from "../routing/health/outcome.ts";
import { isOverloaded } from "./fleet-stub.ts";
import type { HeldSlot } from "./grant.ts";

/** The methods of a ticket as a stub has them. */
type TicketStub = Pick<Ticket, "answered" | "failed" | "ended">;

export class Slot implements HeldSlot {
  readonly #fleet: () => DurableObjectStub<Fleet>;
  readonly #grant: GrantAnswer;
  readonly #grantedAtMs = Date.now();
  #id: number;
  #held: Disposable;
  #ticket: TicketStub;
  #watch: ReturnType<typeof setTimeout> | null;
  #over = false;
  #failed = false;
  #answered = false;
  #streams = false;
  #lost = false;
  #onLost = () => {};

  /** `held` is what the object answered: disposing it gives back the ticket in it. */
  constructor(fleet: () => DurableObjectStub<Fleet>, grant: GrantAnswer, held: Disposable, ticket: unknown) {
    this.#fleet = fleet;
    this.#grant = grant;
    this.#id = grant.id;
    this.#held = held;
    this.#ticket = ticket as TicketStub;
    this.#watch = setTimeout(() => void this.#watchRequest(), BOUNDS.watchAfterMs);
  }

  get proves(): boolean {
    return this.#grant.proves;
  }

  onLost(end: () => void): void {
    this.#onLost = end;
    if (this.#lost) end();
  }

  /** Response headers came that are no failure. For `waitUntil`; never fails: news is worth nothing to an object that has restarted. */
  async answered(kind: AnswerKind, inBandHints: readonly string[] | null, streams: boolean): Promise<void> {
    this.#answered = true;
    this.#streams = streams;
    await this.#tell((ticket) => ticket.answered({ kind, hints: inBandHints && [...inBandHints], streams }));
  }

  /** The replica failed the request; what it does after that is no failure more. Awaited, so that the next decision knows. */
  async failed(failure: Failure, inBandHints: readonly string[] | null = null): Promise<void> {
    if (this.#failed) return;
    this.#failed = true;
    await this.#tell((ticket) => ticket.failed(failure, inBandHints && [...inBandHints]));
  }

  done(): Promise<void> | null {
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
    if (this.#watch !== null) clearTimeout(this.#watch);
    this.#held[Symbol.dispose]();
  }

  async #end(whole: boolean): Promise<void> {
    await this.#tell((ticket) => ticket.ended(whole));
    this.release();
  }

  /** Once the slot is given back there is nobody to tell. */
  async #tell(news: (ticket: TicketStub) => void | Promise<void>): Promise<void> {
    if (this.#over) return;
    try {
      await news(this.#ticket);
    } catch (error) {
      console.warn(JSON.stringify({ message: "a ticket was lost", error: String(error) }));
    }
  }

  /**
   * A call that pends for as long as the request runs rejects when the object restarts; then the new one is told. It gives an answer before that where
   * the replica is gone. The call is on the object and not on the ticket, which would never be disposed while it pends.
   */
  async #watchRequest(): Promise<void> {
    this.#watch = null;
    do {
      const end = await this.#running();
      if (end === "over") return;
      if (end === "replica_gone") return this.#lose();
    } while (await this.#adopt());
  }

  /** What is sent is lost; unless its answer has begun, of which the object has not heard yet. */
  #lose(): void {
    if (this.#answered) return;
    this.#lost = true;
    this.#onLost();
  }

  /** Pending while the request runs. An object that is overloaded has not restarted, and is asked again later. */
  async #running(): Promise<WatchEnd> {
    for (let pauseMs: number = BOUNDS.watchAgainMs; !this.#over; pauseMs = Math.min(2 * pauseMs, BOUNDS.watchAgainMostMs)) {
      try {
        return await this.#fleet().running(this.#id);
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
        const adopted = await this.#fleet().adopt({ replica, incarnation, hint, elapsedMs, answered: this.#answered });
        if (adopted === null) return false;
        // The old ticket is dead with its object, unless it was only the way there that failed.
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
