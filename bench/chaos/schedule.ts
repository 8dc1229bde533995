// What a seed means: which faults happen when and to whom, and which requests go out when. Computed before anything is started, so that the
// same seed gives the same schedule whatever the run makes of it.
import { seeded, seedFor, type Random } from "../simulate/random.ts";
import type { Timed } from "../live/open-loop.ts";
import { FAULT_KINDS, FAULTS, type Fault, type FaultKind } from "./faults.ts";
import { APPS, REPLICAS } from "./settings.ts";
import { burst, draw, steadyTraffic, type ChaosSending } from "./traffic.ts";

export interface Schedule {
  readonly seed: number;
  readonly forMs: number;
  readonly faults: readonly Fault[];
  readonly requests: readonly Timed<ChaosSending>[];
}

export interface ScheduleOptions {
  readonly seed: number;
  readonly forMs: number;
  /** On average, over all apps, bursts not counted. */
  readonly requestsPerSecond: number;
  /** On average between faults. */
  readonly faultEveryMs: number;
  /** Which can happen; all of them where it is not said. */
  readonly kinds?: readonly FaultKind[];
}

/** The fleet gets this long to warm up before the first fault. */
const QUIET_MS = 500;
/** Of an app's replicas, the most that are in trouble at once by faults of their own. */
const TROUBLED_MOST = 2;
/** Between two faults of one replica. */
const RESPITE_MS = 500;

export function scheduleOf({ seed, forMs, requestsPerSecond, faultEveryMs, kinds = FAULT_KINDS }: ScheduleOptions): Schedule {
  const faults = drawFaults(seeded(seedFor(seed, "faults")), forMs, faultEveryMs, kinds);
  const random = seeded(seedFor(seed, "traffic"));
  const requests = steadyTraffic(random, requestsPerSecond, forMs);
  for (const [index, { kind, app, atMs, forMs: lasts }] of faults.entries()) {
    if (kind === "burst") requests.push(...burst(random, `b${index}`, app, atMs, lasts));
  }
  requests.sort((a, b) => a.atMs - b.atMs);
  return { seed, forMs, faults, requests };
}

/** Kinds are dealt like cards, so that each happens about as often and a short run sees all of them. */
function drawFaults(random: Random, forMs: number, everyMs: number, kinds: readonly FaultKind[]): Fault[] {
  const faults: Fault[] = [];
  let deck: FaultKind[] = [];
  for (let atMs = QUIET_MS; ;) {
    atMs += everyMs * (0.5 + random());
    if (deck.length === 0) deck = shuffled(random, kinds);
    const kind = deck.pop();
    if (kind === undefined || atMs + FAULTS[kind].leastMs >= forMs) return faults;
    const fault = place(random, kind, atMs, forMs, faults);
    if (fault === null) deck.unshift(kind);
    else faults.push(fault);
  }
}

/** Null: every app is in enough trouble already. */
function place(random: Random, kind: FaultKind, atMs: number, untilMs: number, before: readonly Fault[]): Fault | null {
  const { target, leastMs, mostMs } = FAULTS[kind];
  const lastsMs = Math.round(Math.min(leastMs + (mostMs - leastMs) * random(), untilMs - atMs));
  const fault = { kind, atMs: Math.round(atMs), forMs: lastsMs, app: "", replica: "" };
  if (target === "directory" || target === "router") return fault;
  for (const app of shuffled(random, APPS)) {
    const busy = troubled(before, app, atMs);
    if (busy.has("")) continue;
    if (target !== "replica") return { ...fault, app };
    const free = REPLICAS.filter((shape) => shape.app === app && !busy.has(shape.replica));
    if (busy.size < TROUBLED_MOST) return { ...fault, app, replica: draw(random, free).replica };
  }
  return null;
}

/** Replicas of the app in a fault of their own at the time; the empty name for all of them. */
function troubled(faults: readonly Fault[], app: string, atMs: number): Set<string> {
  const there = faults.filter((fault) => fault.app === app && fault.atMs + fault.forMs + RESPITE_MS > atMs);
  return new Set(there.filter(({ kind, replica }) => replica !== "" || kind === "all_stop").map(({ replica }) => replica));
}

function shuffled<T>(random: Random, from: readonly T[]): T[] {
  const left = [...from];
  const order: T[] = [];
  while (left.length > 0) order.push(...left.splice(Math.floor(random() * left.length), 1));
  return order;
}
