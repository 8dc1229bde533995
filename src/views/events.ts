// What happened to a fleet of late, in words.
import type { EventKind, FleetEvent } from "../routing/events/event.ts";
import type { EventLog } from "../routing/events/event-log.ts";
import type { LoadKind } from "../routing/metrics/labels.ts";
import { round } from "./round.ts";

export interface EventView {
  /** Rises by one with each event of the object's life, from 1 on. */
  readonly sequence: number;
  readonly at_ms: number;
  readonly kind: EventKind;
  /** Null: the event concerns the app. */
  readonly replica: string | null;
  /** Of `loaded`, `advised` and `hint_failed`. */
  readonly hint: string | null;
  /** One sentence. */
  readonly detail: string;
  /** Of `loaded`: how much longer than a warm request it took, and the hint that it was expected to evict. */
  readonly load: { readonly seconds: number; readonly kind: LoadKind; readonly evicts: string | null } | null;
  /** Of `dropped`: at most 16 of the hints; `detail` counts the others. */
  readonly hints: readonly string[] | null;
}

export interface EventsView {
  /** Oldest first. Of loads, advice and drops the last 500 are kept, and as many of the others. */
  readonly events: readonly EventView[];
  /** The lowest sequence that is kept; null: none is. */
  readonly oldest_kept: number | null;
  /** The value for `after` of the next call: the sequence of the last event. */
  readonly next: number;
  /** When the object started, Unix milliseconds. If this changes, the sequences have begun anew. */
  readonly since_ms: number;
}

/** The events after that sequence. O(n log n) in events that are kept. */
export function viewEvents(log: EventLog, sinceMs: number, after: number): EventsView {
  const events = log.after(0);
  return {
    events: events.filter(({ sequence }) => sequence > after).map(viewEvent),
    oldest_kept: events[0]?.sequence ?? null,
    next: log.last,
    since_ms: sinceMs,
  };
}

export function viewEvent(event: FleetEvent): EventView {
  const isLoad = event.kind === "loaded";
  return {
    sequence: event.sequence,
    at_ms: event.atMs,
    kind: event.kind,
    replica: "replica" in event ? event.replica : null,
    hint: "hint" in event ? event.hint : null,
    detail: inWords(event),
    load: isLoad ? { seconds: round(event.loadMs / 1000), kind: event.load, evicts: event.evicts } : null,
    hints: event.kind === "dropped" ? event.hints : null,
  };
}

function inWords(event: FleetEvent): string {
  switch (event.kind) {
    case "object_started": {
      const { restored, hibernated } = event;
      if (restored === 0) return "The app's object started; no replica was stored.";
      const whose = `its ${restored === 1 ? "replica" : `${restored} replicas`}`;
      return hibernated ? `The app's object woke from hibernation, with ${whose}.` : `The app's object restarted, with ${whose}.`;
    }
    case "joined":
      return `Joined at ${event.origin}, ${statesOf(event).join(", ")}, with ${slotsAndHints(event)}.`;
    case "restarted":
      return `Is a new process at ${event.origin}, ${event.status}, with ${slotsAndHints(event)}.`;
    case "starting":
    case "ready":
      return `Says that it is ${event.kind}, after ${event.before}.`;
    case "draining":
      return `Says that it drains, ${running(event)}.`;
    case "drained":
      return `Was drained by an administrator, ${running(event)}.`;
    case "undrained":
      return "Gets requests again: an administrator ended its drain.";
    case "stopped":
      return `Said that it stops, ${running(event)}.`;
    case "expired":
      return `Was not heard of for its time to live, ${running(event)}.`;
    case "removed":
      return `Was removed by an administrator, ${running(event)}.`;
    case "replaced":
      return `Is gone: ${event.by} is at its origin ${event.origin} now.`;
    case "ejected": {
      const { failure, detail, forMs, ejections } = event;
      const why = detail === "" || detail === failure ? failure : `${failure}, ${detail}`;
      return `Gets nothing for ${duration(forMs)} (${why})${ejections > 1 ? `; ejected ${ejections} times in a row` : ""}.`;
    }
    case "trusted":
      return `Is trusted again after its ejection (${event.ejectedFor}).`;
    case "hint_failed":
      return `Gets nothing for ${event.hint} for ${duration(event.forMs)}, because it failed such requests.`;
    case "loaded":
      return `Loaded ${event.hint} in ${duration(event.loadMs)}${instead(event)} (${LOADS[event.load]}).`;
    case "advised":
      return `Was advised to load ${event.hint}${instead(event)}: a client announced it.`;
    case "dropped":
      return `Dropped ${listed(event.hints, event.more)}.`;
  }
}

const LOADS: Readonly<Record<LoadKind, string>> = {
  first_touch: "nobody held it",
  duplicate: "another replica has it too",
  evicted: "it had been evicted",
};

function statesOf({ status, drained, unhealthy }: Extract<FleetEvent, { readonly kind: "joined" }>): string[] {
  return [status, ...(drained ? ["still drained"] : []), ...(unhealthy ? ["still ejected or on probation"] : [])];
}

function slotsAndHints({ concurrency, hints }: { readonly concurrency: number; readonly hints: number | null }): string {
  const slots = counted(concurrency, "slot");
  return hints === null ? slots : `${slots} and ${counted(hints, "hint")}`;
}

function instead({ evicts }: { readonly evicts: string | null }): string {
  return evicts === null ? "" : `, instead of ${evicts}`;
}

function running(event: { readonly running: number }): string {
  return event.running === 0 ? "with nothing running" : `with ${counted(event.running, "request")} running`;
}

function listed(hints: readonly string[], more: number): string {
  const names = more > 0 ? [...hints, `${more} more`] : hints;
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** A second or more to a tenth. */
function duration(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${Math.round(ms / 100) / 10} s`;
}
