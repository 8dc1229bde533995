// `warmpath events APP`: what happened to an app's replicas of late, once or as it happens.
import { setTimeout as sleep } from "node:timers/promises";
import type { EventsView, EventView } from "../../src/views/events.ts";
import { ask, reachOf } from "../client.ts";
import { adminCommand, adminTokenOf, appArgument, job, type Running } from "../command.ts";
import { Failed } from "../failure.ts";
import { LIMITS } from "../limits.ts";
import { counted, printable, table, type Column, type Paint, type Style } from "../text.ts";

type Ask = (after: number) => Promise<EventsView>;

export const events = job(
  adminCommand("events", "Shows what happened to the replicas of an app, oldest first.")
    .addArgument(appArgument())
    .option("--follow", "goes on with what happens, until Ctrl-C; with --json a line an event"),
  async ([app], options, running) => {
    const reach = reachOf(options, running.signal);
    const token = adminTokenOf(options);
    const path = `/-/apps/${encodeURIComponent(app)}/events?after=`;
    const askAfter: Ask = (after) => ask<EventsView>(reach, `${path}${after}`, "events", { token });
    const isJson = options.json === true;
    if (options.follow === true) await follow(askAfter, isJson, running);
    else {
      const view = await askAfter(0);
      running.print(isJson ? JSON.stringify(view) : new Page(running.paint).text(view.events, true));
    }
    return true;
  },
);

/** Ends when it is interrupted. Only the first failure ends it; a later one is told once, until the router answers again. */
async function follow(askAfter: Ask, isJson: boolean, { paint, print, signal }: Running): Promise<void> {
  const page = new Page(paint);
  let last = await askAfter(0);
  const show = ({ events: its }: EventsView, isFirst: boolean) => {
    if (isJson) for (const event of its) print(JSON.stringify(event));
    else if (its.length > 0) print(page.text(its, isFirst));
  };
  show(last, true);
  for (let isDown = false; ;) {
    await sleep(LIMITS.watchMs, undefined, { signal });
    try {
      const { since_ms: sinceMs, next: before } = last;
      last = await next(askAfter, last);
      const missed = last.next - (last.since_ms === sinceMs ? before : 0) - last.events.length;
      if (missed > 0 && !isJson) print(paint("dim", `${counted(missed, "event")} came and went unseen`));
      show(last, false);
      isDown = false;
    } catch (error) {
      if (!(error instanceof Failed)) throw error;
      if (!isDown)
        print(isJson ? JSON.stringify({ error: { detail: error.message, ...error.facts } }) : `error: ${error.message}`);
      isDown = true;
    }
  }
}

/** The events since then. If the app's object has started anew meanwhile, all of its events. */
async function next(askAfter: Ask, last: EventsView): Promise<EventsView> {
  const view = await askAfter(last.next);
  return view.since_ms === last.since_ms ? view : askAfter(0);
}

/** Kinds in colour: what takes a replica from requests, and what gives it back. */
const STYLES: Readonly<Partial<Record<EventView["kind"], Style>>> = {
  ...{ ejected: "red", expired: "red", hint_failed: "red" },
  ...{ draining: "yellow", drained: "yellow", object_started: "yellow" },
  ...{ joined: "green", ready: "green", trusted: "green", undrained: "green" },
};

/** Rows of one table, printed bit by bit: columns keep the width that they had. */
class Page {
  readonly #paint: Paint;
  #kindWidth = 0;
  #replicaWidth = 0;

  constructor(paint: Paint) {
    this.#paint = paint;
  }

  text(events: readonly EventView[], withHead: boolean): string {
    const replicaOf = ({ replica }: EventView) => printable(replica ?? "-");
    this.#kindWidth = Math.max(this.#kindWidth, ...events.map(({ kind }) => kind.length));
    this.#replicaWidth = Math.max(this.#replicaWidth, ...events.map((event) => replicaOf(event).length));
    const columns: readonly Column<EventView>[] = [
      { head: "time", cell: ({ at_ms: atMs }) => new Date(atMs).toISOString().replace(/\.\d+Z$/, "Z") },
      { head: "event", cell: ({ kind }) => kind.padEnd(this.#kindWidth), style: ({ kind }) => STYLES[kind] ?? null },
      { head: "replica", cell: (event) => replicaOf(event).padEnd(this.#replicaWidth) },
      { head: "what", cell: ({ detail }) => detail },
    ];
    const text = table(events, columns, this.#paint);
    return withHead ? text : text.slice(text.indexOf("\n") + 1);
  }
}
