// What the address of an app's page asks for.
import type { DashboardQuery } from "../../views/dashboard.ts";

export interface PageQuery extends DashboardQuery {
  /** The hints that are to be explained, as they were typed; null: none are. */
  readonly asked: string | null;
  /** Why these can't be hints; null: they can. */
  readonly fault: string | null;
}
