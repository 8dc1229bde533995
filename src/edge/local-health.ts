// What this isolate knows of a replica by the requests that it sent there by the snapshot: how many run, and whether one failed of late.
import { BOUNDS } from "../limits.ts";
import { LIMITS } from "../routing/limits.ts";
import { keepAlive, LeaseBudget } from "./lease-budget.ts";

export class LocalHealth {
  readonly #requests = new LeaseBudget(Infinity, BOUNDS.leaseMs);
  #failedAtMs = -Infinity;

  running(now: number): number {
    return this.#requests.taken(now);
  }

  hasFailed(now: number): boolean {
    return now - this.#failedAtMs < LIMITS.ejectionMs;
  }

  /** Counts a request until the function that it returns is called or the request is no more. */
  begin(now: number): () => void {
    const lease = this.#requests.take(1, now);
    return lease === null ? () => {} : keepAlive(this.#requests, lease);
  }

  note(failed: boolean, now: number): void {
    this.#failedAtMs = failed ? now : -Infinity;
  }
}
