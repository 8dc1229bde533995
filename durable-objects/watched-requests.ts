// The requests whose Workers wait to hear what becomes of them: a restart of the object rejects such a call, and everything else that a Worker
// must hear while its request runs is what the call resolves to.

/**
 * `over`: the ticket was given back. `unknown`: this object does not know the ticket, so it has restarted. `replica_gone`: the replica's time to
 * live ran out before its answer began.
 */
export type WatchEnd = "over" | "unknown" | "replica_gone";

export class WatchedRequests {
  readonly #ends = new Map<number, PromiseWithResolvers<WatchEnd>>();

  /** Pending until `end` is called for the request; asked twice, both calls are told. */
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
