// `warmpath explain APP HINT...`: what would become of a request that came now, in words, then the candidates.
import { inWords } from "../../src/views/explain-words.ts";
import type { CandidateView, Explanation } from "../../src/views/explain.ts";
import { ask, reachOf } from "../client.ts";
import { adminCommand, adminTokenOf, appArgument, job } from "../command.ts";
import { counted, printable, table, type Column } from "../text.ts";

export const explain = job(
  adminCommand("explain", "Says where a request would go that came now, and why. Changes nothing.")
    .addArgument(appArgument())
    .argument("[hint...]", "the request's hints, most preferred first"),
  async ([app, hints], options, { signal, paint, print }) => {
    const reach = reachOf(options, signal);
    const query = hints.map((hint) => `hint=${encodeURIComponent(hint)}`).join("&");
    const path = `/-/apps/${encodeURIComponent(app)}/explain${query === "" ? "" : `?${query}`}`;
    const answer = await ask<Explanation>(reach, path, "decision", { token: adminTokenOf(options) });
    if (options.json === true) {
      print(JSON.stringify(answer));
      return true;
    }
    const { candidates, candidates_total: total, waiting } = answer;
    const shown =
      candidates.length < total ? `${candidates.length} of ${counted(total, "candidate")}` : counted(total, "candidate");
    print(printable(inWords(app, answer)));
    print(`${counted(waiting, "request")} waiting, ${shown}; seconds; * is the choice.`);
    if (total > 0) print(`\n${table(candidates, COLUMNS, paint)}`);
    return true;
  },
);

const COLUMNS: readonly Column<CandidateView>[] = [
  {
    head: "replica",
    cell: ({ replica, chosen }) => `${replica}${chosen ? " *" : ""}`,
    style: ({ chosen }) => (chosen ? "green" : null),
  },
  { head: "rank", cell: (its) => its.hash_rank },
  { head: "warm for", cell: (its) => its.warm_for },
  { head: "in flight", cell: (its) => `${its.in_flight}/${its.concurrency}` },
  { head: "room", cell: (its) => its.hint_room },
  { head: "passed over", cell: (its) => its.passed_over, style: (its) => (its.passed_over === null ? null : "yellow") },
  { head: "wait", cell: (its) => its.wait_s },
  { head: "load", cell: (its) => its.load_s },
  { head: "evicts", cell: (its) => its.evicts },
  { head: "eviction", cell: (its) => its.eviction_s },
  { head: "cost", cell: (its) => its.cost_s },
  { head: "occupation", cell: (its) => its.occupation_s },
];
