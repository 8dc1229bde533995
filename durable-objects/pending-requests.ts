// Requests whose Workers keep a call to the object pending: while they wait for a grant, and then while they run. A restart of the object rejects these calls.
// Anything else that a Worker must hear resolves them.
import type { SettledAnswer } from "./fleet-answers.ts";

/**
 * `over`: the ticket was given back. `unknown`: the object does not know the ticket, so it has restarted. `replica_gone`: the replica's time to live ran
 * out before its answer began.
 */
export type WatchEnd = "over" | "unknown" | "replica_gone";

export class PendingRequests {
  readonly #waits = new Map<number, PromiseWithResolvers<SettledAnswer>>();
  readonly #watches = new Map<number, PromiseWithResolvers<WatchEnd>>();

  /** The request waits in the queue. */
  queued(id: number): void {
    this.#waits.set(id, Promise.withResolvers());
  }

  /** Pending until the wait is settled; null: no such request is known. */
  granted(id: number): Promise<SettledAnswer> | null {
    return this.#waits.get(id)?.promise ?? null;
  }

  settle(id: number, answer: SettledAnswer): void {
    this.#waits.get(id)?.resolve(answer);
  }

  /** Pending until `end` is called for the request. Two calls for one request are both told. */
  watch(id: number): Promise<WatchEnd> {
    const watched = this.#watches.get(id) ?? Promise.withResolvers<WatchEnd>();
    this.#watches.set(id, watched);
    return watched.promise;
  }

  end(id: number, how: WatchEnd): void {
    this.#watches.get(id)?.resolve(how);
    this.#watches.delete(id);
  }

  /** The request is over: nobody waits for anything of it any more. */
  over(id: number): void {
    this.settle(id, { kind: "refused", refusal: { kind: "timed_out" } });
    this.#waits.delete(id);
    this.end(id, "over");
  }
}
