// The page of one app: which sections it has, and what a reader may ask of it by the address.
import { parseRequestHints } from "../../wire/hints.ts";
import type { DashboardView } from "../../views/dashboard.ts";
import { REPLICA_ORDERS } from "../../views/replica-page.ts";
import { htmlOf } from "../html.ts";
import type { Section } from "../page.tsx";
import type { PageQuery } from "./page-query.ts";
import { Decisions } from "./decisions.tsx";
import { Events } from "./events.tsx";
import { Explain } from "./explain.tsx";
import { History } from "./history.tsx";
import { Loads } from "./loads.tsx";
import { Matrix } from "./matrix.tsx";
import { Queue } from "./queue.tsx";
import { Replicas } from "./replicas.tsx";
import { Summary } from "./summary.tsx";

/** What the address asks for. What makes no sense counts as not asked. */
export function queryOf(parameters: URLSearchParams): PageQuery {
  const order = REPLICA_ORDERS.find((each) => each === parameters.get("order")) ?? "name";
  const page = Number(parameters.get("page") ?? 1);
  const find = (parameters.get("find") ?? "").slice(0, FIND_LENGTH);
  const asked = parameters.get("explain");
  const hints = asked === null ? null : parseRequestHints([asked]);
  return {
    order,
    find,
    page: Number.isSafeInteger(page) && page > 0 ? page : 1,
    explain: hints?.ok === true ? [...hints.hints] : null,
    asked,
    fault: hints?.ok === false ? hints.detail : null,
  };
}

const FIND_LENGTH = 100;

export async function appSections(app: string, view: DashboardView, query: PageQuery): Promise<readonly Section[]> {
  const parts = {
    summary: <Summary view={view} />,
    history: <History history={view.history} />,
    matrix: <Matrix matrix={view.matrix} />,
    queue: <Queue queue={view.queue} />,
    replicas: <Replicas page={view.page} query={query} />,
    decisions: <Decisions history={view.history} />,
    loads: <Loads loads={view.loads} />,
    events: <Events events={view.events} />,
    explain: <Explain explanation={view.explanation} query={query} app={app} />,
  };
  return Promise.all(Object.entries(parts).map(async ([id, part]) => ({ id, html: await htmlOf(part) })));
}
