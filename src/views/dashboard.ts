// What a page of the dashboard shows of one app, in one piece.
import type { EventView } from "./events.ts";
import type { Explanation } from "./explain.ts";
import type { Gauges } from "./gauges.ts";
import type { HistoryView } from "./history.ts";
import type { MatrixView } from "./matrix.ts";
import type { QueueView } from "./queue.ts";
import type { ReplicaOrder, ReplicaPage } from "./replica-page.ts";

export interface DashboardQuery {
  readonly order: ReplicaOrder;
  /** Only replicas that mention the text. */
  readonly find: string;
  readonly page: number;
  /** A request's hints; null: nothing is to be explained. */
  readonly explain: readonly string[] | null;
}

export interface DashboardView {
  readonly gauges: Gauges;
  readonly history: HistoryView;
  readonly queue: QueueView;
  readonly matrix: MatrixView;
  /** The last ones, newest first: loads, and all else. */
  readonly loads: readonly EventView[];
  readonly events: readonly EventView[];
  readonly page: ReplicaPage;
  readonly explanation: Explanation | null;
}
