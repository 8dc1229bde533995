// Whether a soak went well: its last tenth against its first after the warm-up, and what may not happen at all. Pure.
//
// The machine may be shared. So a tenth is judged by medians over its windows; latency by those of the quieter half of them, in which the
// router had to wait least for a processor. What is left of others' load may lengthen it: by as much as it lengthened control requests,
// which do not pass the router, or as the router's own work was stretched by waiting for a processor, whichever is more.
import { median } from "simple-statistics";
import type { Held } from "../live/fleet.ts";
import type { Finding } from "../report.ts";
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
 * What latencies and CPU time may grow by whatever the first value: what medians of some dozen windows differ by when nothing has changed.
 * Waits in the queue follow from arrivals more than from the router.
 */
const FLOORS = { router_p50_ms: 1, router_p95_ms: 5, queue_p95_ms: 150, cpu_ms_per_request: 0.3 } as const;
type Judged = keyof typeof FLOORS;
const CONTROLS: Readonly<Partial<Record<Judged, Key>>> = { router_p50_ms: "control_p50_ms", router_p95_ms: "control_p95_ms" };

/** Resident memory may grow by this share, or by so many MiB where that is more. */
const RESIDENT = { share: 0.1, mib: 16 };
/** What is learned of an app, compiled code, statistics of the engine. In the default 30 minutes 17 bytes a request would be more. */
const HEAP_MORE_MIB = 2;
const WARM_UP_SHARE = 0.1;
/** For this long the heap fills whatever the run: it levels off after about 150 s. */
export const MEMORY_WARM_UP_MINUTES = 3;
const MINUTE_S = 60;
const TENTH = 0.1;
/** Of fewer requests in a window the 95th percentile is the longest wait: one death of a replica, and no course of the queue. */
const QUEUE_JUDGED_FROM_REQUESTS = 20;
/** Fewer windows are no course. */
const WINDOWS_LEAST = 20;

/** `growth`: latencies and CPU time a request may become so many times as long, and a little in any case. */
export function judge(windows: readonly Window[], { unexpected, missing, held, heap }: Ending, growth: number): Finding[] {
  const isLong = windows.length >= WINDOWS_LEAST;
  const tooShort = { check: "long enough", ok: false, says: `${windows.length} windows, at least ${WINDOWS_LEAST} are needed` };
  return [
    ...(isLong ? courseOf(windows, growth) : [tooShort]),
    compared("heap_mib", heap.first, heap.last, heap.first + HEAP_MORE_MIB, ", once garbage is collected"),
    { check: "outcomes", ok: unexpected.length === 0, says: unexpected.join("; ") || "all as expected" },
    ...leftovers(missing, held),
  ];
}

/** What must be as before when all is over. */
export function leftovers(missing: readonly string[], held: readonly Held[]): Finding[] {
  const still = held.map((its) => `${its.waiting} waiting, ${its.in_flight} in flight, ${its.running} at replicas after the end`);
  return [
    { check: "fleet whole", ok: missing.length === 0, says: missing.join(", ") || "every replica ready" },
    { check: "nothing held", ok: held.length === 0, says: still.join("; ") || "nothing after the end" },
  ];
}

function courseOf(windows: readonly Window[], growth: number): Finding[] {
  const warmUp = Math.ceil(windows.length * WARM_UP_SHARE);
  const tenths = tenthsOf(windows, warmUp);
  const quiet = { first: quieterHalf(tenths.first), last: quieterHalf(tenths.last) };
  const stretched = ratioOf(stretchOf(quiet.last), stretchOf(quiet.first));
  const requests = medianOf([...tenths.first, ...tenths.last], "requests") ?? 0;
  const grown = (key: Judged): Finding => {
    if (key === "queue_p95_ms" && requests < QUEUE_JUDGED_FROM_REQUESTS) {
      const says = `not judged: a window has ${requests} requests, and it takes ${QUEUE_JUDGED_FROM_REQUESTS} or more`;
      return { check: key, ok: null, says };
    }
    const [first, last] = [medianOf(quiet.first, key), medianOf(quiet.last, key)];
    const control = CONTROLS[key];
    const controls = control === undefined ? 1 : ratioOf(medianOf(quiet.last, control), medianOf(quiet.first, control));
    const machine = Math.max(1, controls, stretched);
    const allowed = (first ?? 0) * growth * machine + FLOORS[key];
    return compared(key, first, last, allowed, machine === 1 ? "" : `, the machine ${machine.toFixed(2)} times as slow`);
  };
  return [memoryOf(windows, warmUp), ...(Object.keys(FLOORS) as Judged[]).map(grown)];
}

/** `warmUp`, in windows, is what the run's length asks for; memory needs a certain time, and as much again that says something of it. */
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

/** As many windows as a tenth of the run has, the first ones after the warm-up and the last ones. */
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

/** Of a tenth, where the router had to wait least for a processor. */
function quieterHalf(windows: readonly Window[]): readonly Window[] {
  const byStarving = windows.toSorted((a, b) => (a.starved_share ?? 0) - (b.starved_share ?? 0));
  return byStarving.slice(0, Math.ceil(windows.length / 2));
}

/** How many times as long as alone its work took. */
function stretchOf(windows: readonly Window[]): number {
  return 1 / Math.max(0.01, 1 - (medianOf(windows, "starved_share") ?? 0));
}

function ratioOf(last: number | null, first: number | null): number {
  return last === null || first === null || first === 0 ? 1 : last / first;
}
