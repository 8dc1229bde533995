// `warmpath replicas APP`: a fleet as the router believes it to be, once or again and again.
import { setTimeout as sleep } from "node:timers/promises";
import type { ReplicaView } from "../../src/views/replica.ts";
import { ask, reachOf, type Reach } from "../client.ts";
import { adminCommand, adminTokenOf, appArgument, job, type Running } from "../command.ts";
import { Failed } from "../failure.ts";
import { LIMITS } from "../limits.ts";
import { counted, duration, table, type Column, type Paint, type Style } from "../text.ts";

/** What is read here of `GET /-/apps/{app}`. */
interface FleetView {
  readonly app: string;
  readonly replicas: readonly ReplicaView[];
  readonly waiting: number;
  readonly in_flight: number;
}

const CLEAR = "\u001B[H\u001B[2J";

export const replicas = job(
  adminCommand("replicas", "Shows the replicas of an app as the router believes them to be.")
    .addArgument(appArgument())
    .option("--watch", `again every ${LIMITS.watchMs / 1000} s until Ctrl-C`),
  async ([app], options, running) => {
    const reach = reachOf(options, running.signal);
    const token = adminTokenOf(options);
    const look = () => ask<FleetView>(reach, `/-/apps/${encodeURIComponent(app)}`, "replicas", { token });
    const show = (view: FleetView) => (options.json === true ? JSON.stringify(view) : shown(view, running.paint));
    if (options.watch !== true) running.print(show(await look()));
    else await watch(look, show, options.json === true, reach, running);
    return true;
  },
);

/** Ends when it is interrupted. Only the first failure ends it: a router that restarts is what one watches. */
async function watch(
  look: () => Promise<FleetView>,
  show: (view: FleetView) => string,
  json: boolean,
  { signal }: Reach,
  { print }: Running,
): Promise<void> {
  draw(show(await look()), json, print);
  for (;;) {
    await sleep(LIMITS.watchMs, undefined, { signal });
    try {
      draw(show(await look()), json, print);
    } catch (error) {
      if (!(error instanceof Failed)) throw error;
      draw(json ? JSON.stringify({ error: { detail: error.message, ...error.facts } }) : `error: ${error.message}`, json, print);
    }
  }
}

/** On a terminal in the place of what was drawn before, cut to the terminal's height. */
function draw(text: string, json: boolean, print: (text: string) => void): void {
  const { isTTY, rows } = process.stdout;
  if (json) return print(text);
  if (!isTTY) return print(`${text}\n`);
  const lines = text.split("\n");
  // A terminal that does not know its height says 0.
  const room = rows > 2 ? rows - 2 : Infinity;
  const left = lines.length - room;
  process.stdout.write(CLEAR);
  print(left > 0 ? [...lines.slice(0, room), `and ${counted(left, "line")} more`].join("\n") : text);
}

function shown(view: FleetView, paint: Paint): string {
  const { app, replicas, waiting, in_flight: inFlight } = view;
  const head = `${app}: ${counted(replicas.length, "replica")}, ${counted(waiting, "request")} waiting, ${inFlight} in flight`;
  return replicas.length === 0 ? head : `${head}\n\n${table(replicas, COLUMNS, paint)}`;
}

const COLUMNS: readonly Column<ReplicaView>[] = [
  { head: "replica", cell: ({ replica }) => replica },
  {
    head: "status",
    cell: ({ drained, status }) => (drained ? "drained" : status),
    style: ({ drained, status }) => (drained || status !== "ready" ? "yellow" : "green"),
  },
  { head: "hints", cell: ({ hints_held: held, hint_slots: slots }) => (slots === null ? `${held}` : `${held}/${slots}`) },
  { head: "in flight", cell: (its) => `${its.in_flight}/${its.concurrency}` },
  { head: "served", cell: ({ served }) => served },
  { head: "health", cell: healthOf, style: healthStyle },
  { head: "last error", cell: lastError },
];

function healthOf(its: ReplicaView): string {
  if (its.ejected_for_ms > 0) return `ejected for ${duration(its.ejected_for_ms)}`;
  return its.on_probation ? "on probation" : "ok";
}

function healthStyle(its: ReplicaView): Style | null {
  if (its.ejected_for_ms > 0) return "red";
  return its.on_probation ? "yellow" : null;
}

function lastError({ last_error: last }: ReplicaView): string | null {
  if (last === null) return null;
  const what = last.detail === "" || last.detail === last.kind ? last.kind : `${last.kind}: ${last.detail}`;
  return `${what}, ${duration(last.ago_ms)} ago`;
}
