// The object's side of edge dispatch: what isolates are sent of the fleet, and what they report of the requests that they sent to replicas by themselves.
import { SnapshotEncoder, type Known } from "../src/routing/direct/codec.ts";
import { Isolates } from "../src/routing/direct/isolates.ts";
import type { DirectReport } from "../src/routing/direct/report.ts";
import { FleetImage } from "../src/routing/direct/snapshot.ts";
import type { Replica } from "../src/routing/ledger/replica.ts";
import { LIMITS } from "../src/routing/limits.ts";
import type { Scheduler } from "../src/routing/scheduler.ts";

export interface Refreshed {
  /** The image of the fleet, or what has changed of it (codec.ts). */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** When the isolate should ask again. */
  readonly refreshMs: number;
  /** Processes that are gone, and at which requests of the isolate run by its report; by `processKey`. */
  readonly lost: readonly string[];
}

export class DirectDispatch {
  readonly #scheduler: Scheduler;
  readonly #image: FleetImage;
  readonly #encoder = new SnapshotEncoder();
  readonly #isolates = new Isolates();

  /** `epoch`: differs between two lives of the object. */
  constructor(scheduler: Scheduler, epoch: number) {
    this.#scheduler = scheduler;
    this.#image = new FleetImage(epoch);
  }

  /** Whether a running request is known by an isolate's report alone. */
  get isIdle(): boolean {
    return this.#isolates.size === 0;
  }

  /** An isolate asks, and reports. `changed`: replicas of which a restart must know something new. */
  refresh(known: Known | null, report: DirectReport | null, now: number): Refreshed & { readonly changed: ReadonlySet<Replica> } {
    const nothing = { touched: [], changed: new Set<Replica>(), lost: [] };
    const { touched, changed, lost } = report === null ? nothing : this.#isolates.apply(this.#scheduler, report, now);
    this.#image.refresh(this.#scheduler, now, touched);
    return {
      bytes: this.#encoder.encode(this.#image, known),
      refreshMs: this.#isolates.refreshMs(this.#scheduler.model),
      changed,
      lost,
    };
  }

  /** Isolates that have been silent for long are gone, and their requests with them. Gives when the next one will be; Infinity: there is none. */
  expire(now: number): number {
    this.#isolates.expire(this.#scheduler.fleet, now);
    return this.isIdle ? Infinity : now + LIMITS.isolateForgottenMs;
  }
}
