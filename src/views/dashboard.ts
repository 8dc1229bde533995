// All that an operator's dashboard shows of one app, in one answer.
import type { Metrics } from "../routing/metrics/metrics.ts";
import type { EventsView } from "./events.ts";
import type { FleetView } from "./fleet.ts";
import type { Gauges } from "./gauges.ts";
import type { HistoryView } from "./history.ts";
import type { MatrixView } from "./matrix.ts";
import type { QueueView } from "./queue.ts";

export interface DashboardView {
  /** When this was so, Unix milliseconds by the object's clock. */
  readonly now_ms: number;
  /** Null: the app has no replicas. */
  readonly app: FleetView | null;
  readonly history: HistoryView;
  readonly queue: QueueView;
  readonly matrix: MatrixView;
  readonly events: EventsView;
  readonly gauges: Gauges;
  /** Totals since the app's first replica came, as `GET /-/metrics` tells them; but what has not been stored yet may be lost by a restart. */
  readonly totals: Metrics;
}
