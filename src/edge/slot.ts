// A request's hold on a replica's slot, from the grant to the last byte. The runtime gives the slot back by itself when the client
// or this Worker goes; this class gives it back when the response is over, and claims it again when the object restarts.
import type { Fleet, GrantAnswer } from "../../durable-objects/fleet.ts";
import type { Ticket } from "../../durable-objects/ticket.ts";
import { LIMITS } from "../routing/limits.ts";

/** The methods of a ticket as a stub has them. */
type TicketStub = Pick<Ticket, "answered" | "unreachable" | "lost">;

export class Slot {
  readonly #fleet: () => DurableObjectStub<Fleet>;
  readonly #grant: GrantAnswer;
  readonly #grantedAtMs = Date.now();
  #held: Disposable;
  #ticket: Promise<TicketStub> | TicketStub;
  #watch: ReturnType<typeof setTimeout> | null;
  #over = false;

  /** `held` is what the object answered: disposing it gives back the ticket in it. */
  constructor(fleet: () => DurableObjectStub<Fleet>, grant: GrantAnswer, held: Disposable, ticket: unknown) {
    this.#fleet = fleet;
    this.#grant = grant;
    this.#held = held;
    this.#ticket = ticket as TicketStub;
    this.#watch = setTimeout(() => void this.#watchForRestart(), LIMITS.watchAfterMs);
  }

  /** Response headers came. For `waitUntil`; never fails: news is worth nothing to an object that has restarted. */
  async answered(inBandHints: readonly string[] | null): Promise<void> {
    await this.#tell((ticket) => ticket.answered(inBandHints && [...inBandHints]));
  }

  /** The replica could not be reached. Awaited, so that the next decision knows. */
  async unreachable(): Promise<void> {
    await this.#tell((ticket) => ticket.unreachable());
  }

  /** Gives the slot back. Idempotent. */
  release(): void {
    if (this.#over) return;
    this.#over = true;
    if (this.#watch !== null) clearTimeout(this.#watch);
    this.#held[Symbol.dispose]();
  }

  async #tell(news: (ticket: TicketStub) => void | Promise<void>): Promise<void> {
    try {
      await news(await this.#ticket);
    } catch (error) {
      console.warn(JSON.stringify({ message: "a ticket was lost", error: String(error) }));
    }
  }

  /** A pending call on the ticket rejects when its object restarts; then the new object is told of the running request. */
  async #watchForRestart(): Promise<void> {
    this.#watch = null;
    for (;;) {
      try {
        await (await this.#ticket).lost();
        return;
      } catch {
        if (this.#over || !(await this.#adopt())) return;
      }
    }
  }

  async #adopt(): Promise<boolean> {
    const { replica, incarnation, hint } = this.#grant;
    for (let attempt = 0; attempt < LIMITS.adoptAttempts && !this.#over; attempt++) {
      if (attempt > 0) await scheduler.wait(LIMITS.adoptRetryMs * 2 ** (attempt - 1));
      try {
        const ticket = await this.#fleet().adopt({ replica, incarnation, hint, startedAtMs: this.#grantedAtMs });
        if (ticket === null) return false;
        this.#held = ticket;
        this.#ticket = ticket;
        if (this.#over) ticket[Symbol.dispose]();
        return !this.#over;
      } catch (error) {
        console.warn(JSON.stringify({ message: "the fleet did not adopt a request", replica, error: String(error) }));
      }
    }
    return false;
  }
}
