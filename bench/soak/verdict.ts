// Whether a soak went well: its last tenth against its first after the warm-up, and what may not happen at all. Pure.
//
// The machine may be shared. Control requests do not pass the router, so they tell how slow the machine is. A tenth is judged by medians over
// its windows, latency by those of the half of its windows with the quickest controls. If controls take longer in the last tenth than in the
// first, the router may take longer by the same factor.
import { median } from "simple-statistics";
import type { Held } from "../live/fleet.ts";
import { leftovers, type Finding } from "../report.ts";
import type { Key, Window } from "./windows.ts";

/** What is known at the end beside the windows. */
export interface Ending {
  /** Outcomes that may not happen, with some cases of each. */
  readonly unexpected: readonly string[];
  /** Replicas that the router does not list as ready. */
  readonly missing: readonly string[];
  readonly held: readonly Held[];
  /** MiB of the router's heap once garbage is collected, before the first request and after the last. */
  readonly heap: { readonly first: number; readonly last: number };
}

/**
 * What latencies and CPU time may grow by whatever the first value: so much do medians of some dozen windows differ if nothing has changed.
 * Waits in the queue follow from arrivals more than from the router.
 */
const FLOORS = { router_p50_ms: 1, router_p95_ms: 5, queue_p95_ms: 150, cpu_ms_per_request: 0.3 } as const;
type Judged = keyof typeof FLOORS;

/** Resident memory may grow by this share, or by so many MiB if that is more. */
const RESIDENT = { share: 0.1, mib: 16 };
/** For what is learned of an app, compiled code, statistics of the engine. In the default 30 minutes 17 bytes a request would be more. */
const HEAP_MORE_MIB = 2;
const WARM_UP_SHARE = 0.1;
/** The heap fills for this long in every run: it levels off after about 150 s. */
export const MEMORY_WARM_UP_MINUTES = 3;
const MINUTE_S = 60;
const TENTH = 0.1;
/** If a window has fewer requests, one death of a replica decides its 95th percentile. */
const QUEUE_JUDGED_FROM_REQUESTS = 20;
/** Fewer windows are no course. */
const WINDOWS_LEAST = 20;

/** `growth`: latencies and CPU time a request may become so many times as long, and a little in any case. */
export function judge(windows: readonly Window[], { unexpected, missing, held, heap }: Ending, growth: number): Finding[] {
  const tooShort = { check: "long enough", ok: false, says: `${windows.length} windows, at least ${WINDOWS_LEAST} are needed` };
  return [
    ...(windows.length >= WINDOWS_LEAST ? courseOf(windows, growth) : [tooShort]),
    compared("heap_mib", heap.first, heap.last, heap.first + HEAP_MORE_MIB, ", once garbage is collected"),
    { check: "outcomes", ok: unexpected.length === 0, says: unexpected.join("; ") || "all as expected" },
    ...leftovers(missing, held),
  ];
}

function courseOf(windows: readonly Window[], growth: number): Finding[] {
  const warmUp = Math.ceil(windows.length * WARM_UP_SHARE);
  const tenths = tenthsOf(windows, warmUp);
  const quiet = { first: quieterHalf(tenths.first), last: quieterHalf(tenths.last) };
  const requests = medianOf([...tenths.first, ...tenths.last], "requests") ?? 0;
  const grown = (key: Judged): Finding => {
    if (key === "queue_p95_ms" && requests < QUEUE_JUDGED_FROM_REQUESTS) {
      const says = `not judged: a window has ${requests} requests, and it takes ${QUEUE_JUDGED_FROM_REQUESTS} or more`;
      return { check: key, ok: null, says };
    }
    const control = key.includes("p95") ? "control_p95_ms" : "control_p50_ms";
    const [before, after] = [medianOf(quiet.first, control), medianOf(quiet.last, control)];
    const machine = before === null || after === null ? 1 : Math.max(1, after / before);
    const allowed = (medianOf(quiet.first, key) ?? 0) * growth * machine + FLOORS[key];
    const note = machine === 1 ? "" : `, the machine ${machine.toFixed(2)} times as slow`;
    return compared(key, medianOf(quiet.first, key), medianOf(quiet.last, key), allowed, note);
  };
  return [memoryOf(windows, warmUp), ...(Object.keys(FLOORS) as Judged[]).map(grown)];
}

/** `warmUp`, in windows, follows from the run's length. Memory needs a certain time to warm up, and as much again to be judged. */
function memoryOf(windows: readonly Window[], warmUp: number): Finding {
  const minutes = (windows.at(-1)?.at_s ?? 0) / MINUTE_S;
  const filling = Math.round((windows.length * MEMORY_WARM_UP_MINUTES) / minutes);
  if (windows.length < 2 * filling) {
    const says = `not judged: the heap fills for ${MEMORY_WARM_UP_MINUTES} minutes, so it takes ${2 * MEMORY_WARM_UP_MINUTES} or more`;
    return { check: "resident_mb", ok: null, says };
  }
  const tenths = tenthsOf(windows, Math.max(warmUp, filling));
  const first = medianOf(tenths.first, "resident_mb") ?? 0;
  const allowed = Math.max(first * (1 + RESIDENT.share), first + RESIDENT.mib);
  return compared("resident_mb", first, medianOf(tenths.last, "resident_mb"), allowed);
}

/** The first windows after the warm-up, and the last ones: a tenth of the run each. */
function tenthsOf(windows: readonly Window[], warmUp: number) {
  const warm = windows.slice(warmUp);
  const count = Math.max(1, Math.floor(windows.length * TENTH));
  return { first: warm.slice(0, count), last: warm.slice(-count) };
}

function compared(check: string, first: number | null, last: number | null, allowed: number, note = ""): Finding {
  if (first === null || last === null) return { check, ok: false, says: "nothing was measured" };
  const says = `${first.toFixed(1)} at first, ${last.toFixed(1)} at last, at most ${allowed.toFixed(1)}${note}`;
  return { check, ok: last <= allowed, says };
}

function medianOf(windows: readonly Window[], key: Key): number | null {
  const values = windows.map((window) => window[key]).filter((value) => value !== null);
  return values.length === 0 ? null : median(values);
}

function quieterHalf(windows: readonly Window[]): readonly Window[] {
  const byControl = windows.toSorted((a, b) => (a.control_p50_ms ?? 0) - (b.control_p50_ms ?? 0));
  return byControl.slice(0, Math.ceil(windows.length / 2));
}
