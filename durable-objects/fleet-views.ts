// What the Fleet object tells its administrator: the views of src/views with what they need, and the last hour, which only the object's life has.
import type { HeartbeatTiming } from "../src/routing/ledger/liveness.ts";
import { History } from "../src/routing/metrics/history.ts";
import { LIMITS } from "../src/routing/limits.ts";
import type { WaitingOptions } from "../src/routing/refusals.ts";
import type { Scheduler } from "../src/routing/scheduler.ts";
import type { DashboardQuery, DashboardView } from "../src/views/dashboard.ts";
import { explain, type Explanation } from "../src/views/explain.ts";
import { viewFleet, type FleetView } from "../src/views/fleet.ts";
import { gaugesOf } from "../src/views/gauges.ts";
import { viewHistory, type HistoryView } from "../src/views/history.ts";
import { viewMatrix, type MatrixView } from "../src/views/matrix.ts";
import { replicaPage } from "../src/views/replica-page.ts";
import { viewQueue, type QueueView } from "../src/views/queue.ts";

/** What the views need of the object. */
export interface Viewed {
  readonly scheduler: Scheduler;
  readonly options: WaitingOptions;
  /** Null: no replica was ever heard of. */
  readonly app: () => string | null;
  readonly timing: () => HeartbeatTiming;
}

export class FleetViews {
  readonly #viewed: Viewed;
  readonly #history: History;

  constructor(viewed: Viewed, now: number) {
    this.#viewed = viewed;
    this.#history = new History(viewed.scheduler, now);
  }

  /** Called before anything is counted at that time. O(1). */
  note(now: number): void {
    this.#history.note(now);
  }

  /** The whole fleet; null: it has no replicas. */
  fleet(now: number): FleetView | null {
    const { scheduler, app, timing } = this.#viewed;
    const name = app();
    return name === null || scheduler.fleet.replicas.size === 0 ? null : viewFleet(name, scheduler, timing(), now);
  }

  explain(hints: readonly string[], now: number): Explanation {
    return explain(this.#viewed.scheduler, this.#viewed.options, hints, now);
  }

  history(now: number): HistoryView {
    return viewHistory(this.#history, now);
  }

  queue(now: number): QueueView {
    return viewQueue(this.#viewed.scheduler, now);
  }

  matrix(most: number, now: number): MatrixView {
    return viewMatrix(this.#viewed.scheduler, most, now);
  }

  /** All that a page of the dashboard shows; null: the app has no replicas. */
  dashboard(query: DashboardQuery, now: number): DashboardView | null {
    const { scheduler, app } = this.#viewed;
    const name = app();
    if (name === null || scheduler.fleet.replicas.size === 0) return null;
    return {
      app: name,
      gauges: gaugesOf(scheduler, now),
      history: this.history(now),
      queue: this.queue(now),
      matrix: this.matrix(LIMITS.hintsShown, now),
      events: [],
      loads: [],
      page: replicaPage(scheduler.fleet, query.order, query.find, query.page, now),
      explanation: query.explain === null ? null : this.explain(query.explain, now),
    };
  }
}
