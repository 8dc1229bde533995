// A place on a replica for a request that is routed by the last snapshot, while the object that counts slots is out of reach. Each isolate then
// counts its own requests and avoids a replica that has just failed one. That is not the whole truth, but all that the isolate can know.
import type { Failure } from "../routing/health/outcome.ts";
import type { HeldSlot, ReplicaFailure } from "./grant.ts";
import type { LocalHealth } from "./local-health.ts";

export class SnapshotSlot implements HeldSlot {
  readonly proves = false;
  readonly passes = false;
  readonly release: () => void;
  readonly #health: LocalHealth;

  constructor(health: LocalHealth) {
    this.#health = health;
    this.release = health.begin(Date.now());
  }

  /** Never calls the function: no object says that the replica has expired. */
  onLost(): void {}

  answered(): null {
    this.#health.note(false, Date.now());
    return null;
  }

  handOver({ failure }: ReplicaFailure): null {
    void this.failed(failure);
    return null;
  }

  done(): null {
    this.release();
    return null;
  }

  async brokeOff(): Promise<void> {
    this.release();
  }

  /** Notes failures of which one is enough to try another replica. Of other kinds it takes several, and no isolate counts those. */
  async failed({ kind }: Failure): Promise<void> {
    if (kind === "unreachable" || kind === "disconnected" || kind === "unavailable") this.#health.note(true, Date.now());
  }
}
