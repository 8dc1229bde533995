// Requests whose Workers keep a call to the object pending while the request runs. A restart of the object rejects the call. Anything else that the Worker
// must hear resolves it.

/**
 * `over`: the ticket was given back. `unknown`: the object does not know the ticket, so it has restarted. `replica_gone`: the replica's time to live ran
 * out before its answer began.
 */
export type WatchEnd = "over" | "unknown" | "replica_gone";

export class WatchedRequests {
  readonly #ends = new Map<number, PromiseWithResolvers<WatchEnd>>();

  /** Pending until `end` is called for the request. Two calls for one request are both told. */
  watch(id: number): Promise<WatchEnd> {
    const watched = this.#ends.get(id) ?? Promise.withResolvers<WatchEnd>();
    this.#ends.set(id, watched);
    return watched.promise;
  }

  end(id: number, how: WatchEnd): void {
    this.#ends.get(id)?.resolve(how);
    this.#ends.delete(id);
  }
}
