// What the Fleet object tells its administrator: the views of src/views with what they need, and the last hour of its life.
import type { HeartbeatTiming } from "../src/routing/ledger/liveness.ts";
import { isOfTraffic } from "../src/routing/events/event-log.ts";
import { History } from "../src/routing/metrics/history.ts";
import { LIMITS } from "../src/routing/limits.ts";
import type { WaitingOptions } from "../src/routing/refusals.ts";
import type { Scheduler } from "../src/routing/scheduler.ts";
import type { DashboardQuery, DashboardView } from "../src/views/dashboard.ts";
import { viewEvents, type EventsView } from "../src/views/events.ts";
import { explain, type Explanation } from "../src/views/explain.ts";
import { viewFleet, type FleetView } from "../src/views/fleet.ts";
import { modelOf, type ListedModel, type ModelList } from "../src/views/models.ts";
import { withoutAliases, type HintAliases } from "../src/wire/hints.ts";
import { ListedModels } from "./listed-models.ts";
import { gaugesOf } from "../src/views/gauges.ts";
import { viewHistory, type HistoryView } from "../src/views/history.ts";
import { viewMatrix, type MatrixView } from "../src/views/matrix.ts";
import { replicaPage } from "../src/views/replica-page.ts";
import { viewQueue, type QueueView } from "../src/views/queue.ts";

/** What the views need of the object. */
export interface Viewed {
  readonly scheduler: Scheduler;
  readonly options: WaitingOptions;
  readonly aliases: HintAliases;
  /** Null: no replica was ever heard of. */
  readonly app: () => string | null;
  readonly timing: () => HeartbeatTiming;
}

/** A view, with what it is asked for: the hints of a request to explain; how many hints a matrix shows; after which sequence events begin. */
export type ViewQuery =
  | { readonly view: "history" | "queue" }
  | { readonly view: "explain"; readonly hints: readonly string[] }
  | { readonly view: "matrix"; readonly hints: number }
  | { readonly view: "events"; readonly after: number };

export class FleetViews {
  readonly #viewed: Viewed;
  readonly #history: History;
  readonly #startedAtMs: number;
  readonly #models: ListedModels;

  constructor(viewed: Viewed, now: number) {
    this.#viewed = viewed;
    this.#startedAtMs = now;
    this.#models = new ListedModels(viewed.scheduler.fleet);
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
    const { scheduler, options, aliases } = this.#viewed;
    return explain(scheduler, options, withoutAliases(hints, aliases), now);
  }

  /** What replicas hold and load, for a client that lists models. */
  models(now: number): ModelList {
    return this.#models.at(now);
  }

  look(query: ViewQuery, now: number): HistoryView | QueueView | Explanation | MatrixView | EventsView {
    switch (query.view) {
      case "history":
        return this.history(now);
      case "queue":
        return this.queue(now);
      case "explain":
        return this.explain(query.hints, now);
      case "matrix":
        return this.matrix(query.hints, now);
      case "events":
        return this.events(query.after);
    }
  }

  /** How many replicas hold and load each of the hints. */
  held(hints: readonly string[], now: number): readonly ListedModel[] {
    return hints.map((hint) => modelOf(this.#viewed.scheduler.fleet, hint, now).model);
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

  /** The events after that sequence. */
  events(after: number): EventsView {
    return viewEvents(this.#viewed.scheduler.events, this.#startedAtMs, after);
  }

  /** All that a page of the dashboard shows. O(n log n) in replicas, and their hints. */
  dashboard({ order, find, page, explain }: DashboardQuery, now: number): DashboardView {
    const { scheduler } = this.#viewed;
    const { events } = this.events(0);
    const [loads, others] = [events.filter(({ load }) => load !== null), events.filter((event) => !isOfTraffic(event))];
    return {
      gauges: gaugesOf(scheduler, now),
      history: this.history(now),
      queue: this.queue(now),
      matrix: this.matrix(LIMITS.hintsShown, now),
      loads: loads.slice(-LIMITS.eventsShown).reverse(),
      events: others.slice(-LIMITS.eventsShown).reverse(),
      page: replicaPage(scheduler.fleet, order, find, page, now),
      explanation: explain === null ? null : this.explain(explain, now),
    };
  }
}
