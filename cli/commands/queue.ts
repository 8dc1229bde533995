// `warmpath queue APP`: which requests wait, and why.
import type { QueueView, WaitingView } from "../../src/views/queue.ts";
import { ask, reachOf } from "../client.ts";
import { adminCommand, adminTokenOf, appArgument, job } from "../command.ts";
import { counted, duration, table, type Column } from "../text.ts";

export const queue = job(
  adminCommand("queue", "Shows the requests that wait, oldest first, and why each does.").addArgument(appArgument()),
  async ([app], options, { signal, paint, print }) => {
    const path = `/-/apps/${encodeURIComponent(app)}/queue`;
    const view = await ask<QueueView>(reachOf(options, signal), path, "waiting", { token: adminTokenOf(options) });
    if (options.json === true) {
      print(JSON.stringify(view));
      return true;
    }
    const { waiting, total, by_priority: by } = view;
    const shown = waiting.length < total ? `, the ${waiting.length} oldest` : "";
    print(`${app}: ${counted(total, "request")} waiting (${by.high} high, ${by.normal} normal, ${by.low} low)${shown}`);
    if (waiting.length > 0) print(`\n${table(waiting, COLUMNS, paint)}`);
    return true;
  },
);

const COLUMNS: readonly Column<WaitingView>[] = [
  { head: "waited", cell: (its) => duration(its.waited_ms) },
  { head: "ends in", cell: (its) => duration(its.deadline_in_ms) },
  { head: "priority", cell: ({ priority }) => priority },
  { head: "hints", cell: ({ hints }) => (hints.length === 0 ? null : hints.join(", ")) },
  { head: "why", cell: ({ why }) => why, style: ({ why }) => (why === "no_replicas" || why === "recovering" ? "yellow" : null) },
  { head: "expected", cell: (its) => secondsOf(its.expected_wait_s) },
  { head: "worth", cell: (its) => secondsOf(its.worth_waiting_s) },
];

function secondsOf(seconds: number | null): string | null {
  return seconds === null ? null : duration(seconds * 1000);
}
