// A place on a replica for a request that is routed by the last snapshot, while the object that counts slots is out of reach. Each isolate then
// counts its own requests, and passes over a replica that has just failed one: not the whole truth, but all that it can know.
import { BOUNDS } from "../limits.ts";
import { LIMITS } from "../routing/limits.ts";
import type { Failure } from "../routing/health/outcome.ts";
import { keepAlive, Room } from "./room.ts";
import type { HeldSlot } from "./grant.ts";

/** What this isolate knows of a replica by its own requests. */
export class Standing {
  readonly #requests = new Room(Infinity, BOUNDS.leaseMs);
  #failedAtMs = -Infinity;

  running(now: number): number {
    return this.#requests.taken(now);
  }

  hasFailed(now: number): boolean {
    return now - this.#failedAtMs < LIMITS.ejectionMs;
  }

  /** Counts a request for as long as it lives. */
  begin(now: number): () => void {
    const share = this.#requests.take(1, now);
    return share === null ? () => {} : keepAlive(this.#requests, share);
  }

  note(failed: boolean, now: number): void {
    this.#failedAtMs = failed ? now : -Infinity;
  }
}

export class SnapshotSlot implements HeldSlot {
  readonly proves = false;
  readonly release: () => void;
  readonly #standing: Standing;

  constructor(standing: Standing) {
    this.#standing = standing;
    this.release = standing.begin(Date.now());
  }

  /** No object says that its replica has expired. */
  onLost(): void {}

  async answered(): Promise<void> {
    this.#standing.note(false, Date.now());
  }

  done(): null {
    this.release();
    return null;
  }

  async brokeOff(): Promise<void> {
    this.release();
  }

  /** Those after which another replica is tried; of others it takes more than one, which nobody counts here. */
  async failed({ kind }: Failure): Promise<void> {
    if (kind === "unreachable" || kind === "disconnected" || kind === "unavailable") this.#standing.note(true, Date.now());
  }
}
