// What a seed means: which faults happen when and to whom, and which requests go out when. Computed before anything is started, so that the
// same seed gives the same schedule whatever the run makes of it.
import { seeded, seedFor, type Random } from "../simulate/random.ts";
import { hashName, ownerOf } from "../../src/routing/rendezvous.ts";
import { FAULT_KINDS, FAULTS, type Fault, type FaultKind } from "./faults.ts";
import { APPS, REPLICAS, WIDE_REPLICAS, type ReplicaShape } from "./settings.ts";
import { burst, crowd, draw, steadyTraffic } from "./traffic.ts";

export type Schedule = ReturnType<typeof scheduleOf>;

export interface ScheduleOptions {
  readonly seed: number;
  readonly forMs: number;
  /** Between faults, on average. */
  readonly faultEveryMs: number;
  readonly kinds?: readonly FaultKind[];
  /** Replicas take many requests at once. */
  readonly wide?: boolean;
}

/** On average, over all apps, bursts and crowds not counted. */
const REQUESTS_PER_SECOND = 40;
const CROWD_PER_SECOND = 40;
/** The fleet warms up for this long before the first fault. */
const QUIET_MS = 500;
/** Of an app's replicas, so many may be in faults of their own at once. */
const TROUBLED_MOST = 2;
/** Between two faults of one replica. */
const RESPITE_MS = 500;
/** Between two crowds of an app there is time for so many other faults, on average. */
const PAUSE_FAULTS = 12;
/** Kinds tried for one place in time. */
const TRIES = 6;
/** Names tried for a hint that a replica owns. It owns a ninth of all names at least. */
const NAMES_MOST = 1000;

export function scheduleOf({ seed, forMs, faultEveryMs, kinds = FAULT_KINDS, wide = false }: ScheduleOptions) {
  const replicas = wide ? WIDE_REPLICAS : REPLICAS;
  const drawing = (name: string) => seeded(seedFor(seed, name));
  const crowding = kinds.filter((kind) => FAULTS[kind].crowd !== null);
  const others = kinds.filter((kind) => FAULTS[kind].crowd === null);
  const long = drawCrowdFaults(drawing("crowd faults"), forMs, faultEveryMs, crowding, replicas);
  const short = drawFaults(drawing("faults"), forMs, faultEveryMs, others, long);
  const faults = [...long, ...short].sort((a, b) => a.atMs - b.atMs);
  const random = drawing("traffic");
  const requests = steadyTraffic(random, REQUESTS_PER_SECOND, forMs);
  const ofCrowds = drawing("crowds");
  for (const [index, fault] of faults.entries()) {
    if (fault.kind === "burst") requests.push(...burst(random, `b${index}`, fault, slotsOf(fault.app, replicas)));
    if (fault.hint !== "") requests.push(...crowd(ofCrowds, CROWD_PER_SECOND, fault));
  }
  requests.sort((a, b) => a.atMs - b.atMs);
  return { seed, forMs, wide, replicas, faults, requests };
}

/** Deals kinds like cards, so that each happens about as often and a short run sees all of them. What is put back is dealt later. */
function dealer(random: Random, kinds: readonly FaultKind[]) {
  let deck: FaultKind[] = [];
  return {
    next(): FaultKind | undefined {
      if (deck.length === 0) deck = shuffled(random, kinds);
      return deck.pop();
    },
    putBack: (kind: FaultKind) => void deck.unshift(kind),
  };
}

/** Faults that draw crowds last long. In each app one comes after the other, and other faults have the long pauses between them. */
function drawCrowdFaults(
  random: Random,
  forMs: number,
  everyMs: number,
  kinds: readonly FaultKind[],
  replicas: readonly ReplicaShape[],
): Fault[] {
  const faults: Fault[] = [];
  const dealt = dealer(random, kinds);
  const pauseMs = () => RESPITE_MS + PAUSE_FAULTS * everyMs * (0.5 + random());
  const next = APPS.map((app) => ({ app, atMs: QUIET_MS + pauseMs() }));
  for (;;) {
    next.sort((a, b) => a.atMs - b.atMs);
    const [first] = next;
    const kind = dealt.next();
    if (first === undefined || kind === undefined) return faults;
    const { leastMs, mostMs } = FAULTS[kind];
    const { app, atMs } = first;
    if (atMs + leastMs > forMs) return faults;
    const lastsMs = Math.min(leastMs + (mostMs - leastMs) * random(), forMs - atMs);
    // The more slots a replica has, the more often: one that is busy with a single request for long feels little.
    const its = replicasOf(app, replicas);
    const slots = its.flatMap((shape) => Array.from({ length: shape.concurrency }, () => shape));
    const { replica } = draw(random, slots);
    const hint = hintOwnedBy(its, replica, `c${faults.length + 1}`);
    faults.push({ kind, atMs: Math.round(atMs), forMs: Math.floor(lastsMs), app, replica, hint });
    first.atMs += lastsMs + pauseMs();
  }
}

/** The other faults are short and many. `long`: the faults with crowds. */
function drawFaults(random: Random, forMs: number, everyMs: number, kinds: readonly FaultKind[], long: readonly Fault[]) {
  const faults: Fault[] = [];
  const dealt = dealer(random, kinds);
  for (let atMs = QUIET_MS; ;) {
    atMs += everyMs * (0.5 + random());
    if (atMs >= forMs) return faults;
    for (let tried = 0; tried < TRIES; tried++) {
      const kind = dealt.next();
      if (kind === undefined) return faults;
      const fits = atMs + FAULTS[kind].leastMs < forMs;
      const fault = fits ? place(random, kind, atMs, forMs, [...long, ...faults]) : null;
      if (fault !== null) {
        faults.push(fault);
        break;
      }
      dealt.putBack(kind);
    }
  }
}

/** Null: every app is in enough trouble already. */
function place(random: Random, kind: FaultKind, atMs: number, untilMs: number, others: readonly Fault[]): Fault | null {
  const { target, leastMs, mostMs } = FAULTS[kind];
  const lastsMs = Math.round(Math.min(leastMs + (mostMs - leastMs) * random(), untilMs - atMs));
  const fault = { kind, atMs: Math.round(atMs), forMs: lastsMs, app: "", replica: "", hint: "" };
  if (target === "directory" || target === "router") return fault;
  for (const app of shuffled(random, APPS)) {
    const its = others.filter((other) => other.app === app);
    const busy = troubled(its, atMs, atMs + lastsMs);
    if (busy.has("")) continue;
    if (target !== "replica") {
      // What befalls a whole app would excuse all that becomes of a crowd.
      if (its.some((other) => other.hint !== "" && isFeltIn(fault, other))) continue;
      return { ...fault, app };
    }
    const free = replicasOf(app)
      .map(({ replica }) => ({ ...fault, app, replica }))
      .filter((placed) => !busy.has(placed.replica) && !isTooMuchForCrowd(its, placed));
    if (busy.size < TROUBLED_MOST && free.length > 0) return draw(random, free);
  }
  return null;
}

/** While a crowd is there, no more than one replica beside its own is in trouble, or has not yet recovered. `others` are the same app's. */
function isTooMuchForCrowd(others: readonly Fault[], fault: Fault): boolean {
  const crowds = others.filter((other) => other.hint !== "" && isFeltIn(fault, other));
  return crowds.some((crowd) => {
    const felt = others.filter((other) => other.replica !== "" && isFeltIn(other, crowd));
    return felt.some(({ replica }) => replica !== crowd.replica && replica !== fault.replica);
  });
}

/** The first can be felt while the second lasts. */
function isFeltIn(first: Fault, second: Fault): boolean {
  return first.atMs < second.atMs + second.forMs && second.atMs < first.atMs + first.forMs + FAULTS[first.kind].lingersMs;
}

/** Replicas in a fault of their own in that time. The empty name stands for all of them. */
function troubled(faults: readonly Fault[], fromMs: number, toMs: number): Set<string> {
  const there = faults.filter(({ atMs, forMs }) => atMs + forMs + RESPITE_MS > fromMs && atMs < toMs + RESPITE_MS);
  return new Set(there.filter(({ kind, replica }) => replica !== "" || kind === "all_stop").map(({ replica }) => replica));
}

/** The names are those of every fleet. */
function replicasOf(app: string, replicas = REPLICAS): ReplicaShape[] {
  return replicas.filter((shape) => shape.app === app);
}

function slotsOf(app: string, replicas: readonly ReplicaShape[]): number {
  return replicasOf(app, replicas).reduce((sum, { concurrency }) => sum + concurrency, 0);
}

/** A hint that the router takes to the replica first, by the router's own hash. `replicas`: those of the app. */
function hintOwnedBy(replicas: readonly ReplicaShape[], replica: string, name: string): string {
  const all = replicas.map((shape) => ({ ...shape, hash: hashName(shape.replica), weight: shape.concurrency }));
  const hints = Array.from({ length: NAMES_MOST }, (_, number) => `${name}.${number}`);
  const owned = hints.find((hint) => ownerOf(hashName(hint), all)?.replica === replica);
  if (owned === undefined) throw new Error(`no hint is owned by ${replica}`);
  return owned;
}

function shuffled<T>(random: Random, from: readonly T[]): T[] {
  const left = [...from];
  const order: T[] = [];
  while (left.length > 0) order.push(...left.splice(Math.floor(random() * left.length), 1));
  return order;
}
