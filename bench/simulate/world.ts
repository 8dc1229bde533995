// The simulated world: a discrete-event loop around one router, with requests from a workload, replicas that load, serve and report, and
// faults. It has no wall clock and no randomness of its own: the same options give the same run.
import TinyQueue from "tinyqueue";
import { hashName, score } from "../../src/routing/rendezvous.ts";
import type { Announcement } from "./announcements.ts";
import { failuresOf } from "./faults.ts";
import { blank, type Outcome, type Run } from "./outcome.ts";
import { SimulatedReplica, type Surroundings } from "./replica.ts";
import type { Random } from "./random.ts";
import type { MakeRouter } from "./router.ts";
import type { Request, Workload } from "./workload.ts";

export interface WorldOptions extends Pick<Surroundings, "slots" | "concurrency" | "loadMs" | "faults" | "faultRandom"> {
  readonly replicas: number;
  /** How fast each replica is, by its place; 1 if the list does not say. */
  readonly speeds?: readonly number[];
  readonly heartbeatMs: number;
  readonly timeToLiveMs: number;
  /** Clients say what a request costs. */
  readonly costs: boolean;
  /** What clients announce, in the order in which it comes. */
  readonly announcements?: readonly Announcement[];
  /** Routers draw from this one. Faults draw from `faultRandom`, so that they are the same for every router. */
  readonly random: Random;
}

/** Of events at one time, the event that was foreseen first happens first. */
interface Event {
  readonly atMs: number;
  readonly order: number;
  readonly happen: () => void;
}

const REJOIN_MS = 60_000;
/** A dead replica refuses a connection after this long. */
const REFUSAL_MS = 1;
const PROGRESS_EVERY = 1000;
/** What a router that does nothing sensible is allowed: events at one moment, and time in which no request ends. */
const STANDSTILL = { eventsAtOnce: 1_000_000, lastsMs: 30 * 86_400_000 };

/** Runs the workload to its end. `progress` hears now and then how many requests have arrived. */
export function simulate(
  workload: Workload,
  makeRouter: MakeRouter,
  options: WorldOptions,
  progress: (arrived: number) => void = () => {},
): Run {
  const {
    replicas,
    slots,
    concurrency,
    loadMs,
    heartbeatMs,
    timeToLiveMs,
    faults,
    costs,
    announcements = [],
    random,
    faultRandom,
  } = options;
  const events = new TinyQueue<Event>([], (a, b) => a.atMs - b.atMs || a.order - b.order);
  const outcomes = workload.map(blank);
  const failures = failuresOf(faults, workload, replicas, faultRandom);
  const advisedLoadsMs: number[] = [];
  const waiting = new Set<number>();
  const router = makeRouter({ send, refuse }, { replicas, concurrency, random, timeToLiveMs, heartbeatMs });
  const surroundings: Surroundings = {
    ...{ slots, concurrency, loadMs, faults, faultRandom, failures, router },
    ...{ nowMs: () => nowMs, requestOf, outcomeOf, sinceArrivalMs, homeOf, ended },
    foreseeFor(replica, inMs, happen) {
      foresee(nowMs + inMs, () => {
        if (lives[replica.index] === replica) happen();
      });
    },
  };
  const begin = (index: number, incarnation: number, alive: boolean) =>
    new SimulatedReplica(surroundings, index, incarnation, alive, options.speeds?.[index] ?? 1);
  const lives = Array.from({ length: replicas }, (_, index) => begin(index, 1, true));
  let foreseen = 0;
  let nowMs = 0;
  let tickMs = Infinity;
  let open = workload.length;
  let eventsAtOnce = 0;
  let lastEndMs = 0;

  for (let index = 0; index < replicas; index++) {
    report(index);
    keepReporting(index, (heartbeatMs * (index + 1)) / replicas);
    scheduleDeath(index);
  }
  nextArrival(0);
  nextAnnouncement(0);
  while (open > 0) {
    const event = events.pop();
    if (event === undefined) throw new Error(`${open} requests are left and nothing will happen any more`);
    watchForStandstill(event.atMs);
    nowMs = event.atMs;
    event.happen();
    watchTimer();
  }
  return { outcomes, endMs: nowMs, advisedLoadsMs };

  function foresee(atMs: number, happen: () => void): void {
    events.push({ atMs, order: foreseen++, happen });
  }

  function nextArrival(id: number): void {
    const request = workload[id];
    if (request !== undefined) foresee(Math.max(nowMs, request.atMs), () => arrive(id));
  }

  function nextAnnouncement(index: number): void {
    const its = announcements[index];
    if (its === undefined) return;
    foresee(its.atMs, () => {
      nextAnnouncement(index + 1);
      router.announce?.(its.hint, nowMs);
    });
  }

  function arrive(id: number): void {
    const { hint, serviceMs } = requestOf(id);
    nextArrival(id + 1);
    waiting.add(id);
    router.arrive({ id, hint, costMs: costs ? serviceMs : null }, nowMs);
    if ((id + 1) % PROGRESS_EVERY === 0) progress(id + 1);
  }

  function send(id: number, index: number, direct = false): void {
    if (!waiting.delete(id)) throw new Error(`request ${id} is not waiting`);
    const replica = existing(lives, index);
    if (replica.alive) {
      Object.assign(outcomeOf(id), { cold: "warm", direct });
      return replica.accept(id);
    }
    waiting.add(id);
    foresee(nowMs + REFUSAL_MS, () => router.failed(id, nowMs));
  }

  function refuse(id: number, why: "timed_out" | "queue_full"): void {
    if (!waiting.delete(id)) throw new Error(`request ${id} is not waiting`);
    Object.assign(outcomeOf(id), { refused: why, waitedMs: sinceArrivalMs(id) });
    ended(id);
  }

  function ended(id: number): void {
    outcomeOf(id).inSystemMs = sinceArrivalMs(id);
    open--;
    lastEndMs = nowMs;
  }

  function homeOf(index: number, hint: string): number {
    const hash = hashName(hint);
    const scores = lives.map((_, other) => score(hash, { hash: hashName(String(other)), weight: concurrency }));
    const its = scores[index] ?? 0;
    return scores.filter((other) => other > its).length;
  }

  function scheduleDeath(index: number): void {
    if (faults.churnMs === Infinity) return;
    foresee(nowMs - faults.churnMs * Math.log(1 - faultRandom()), () => die(index));
  }

  function die(index: number): void {
    const { incarnation, jobs } = existing(lives, index);
    const next = begin(index, incarnation + 1, false);
    lives[index] = next;
    for (const id of jobs) {
      waiting.add(id);
      router.failed(id, nowMs);
    }
    foresee(nowMs + REJOIN_MS, () => {
      next.alive = true;
      report(index);
      scheduleDeath(index);
    });
  }

  function keepReporting(index: number, atMs: number): void {
    foresee(atMs, () => {
      if (existing(lives, index).alive) report(index);
      keepReporting(index, nowMs + heartbeatMs);
    });
  }

  function report(index: number): void {
    const replica = existing(lives, index);
    const { incarnation, jobs } = replica;
    const said = { hints: replica.reported(), hintSlots: faults.noHintSlots ? null : slots, concurrency, inFlight: jobs.size };
    const advice = router.report({ replica: index, incarnation, sequence: ++replica.sequence, ...said }, nowMs);
    const takesMs = advice && replica.preload(advice, () => report(index));
    if (takesMs !== null) advisedLoadsMs.push(takesMs);
  }

  function outcomeOf(id: number): Outcome {
    return existing(outcomes, id);
  }

  function requestOf(id: number): Request {
    return existing(workload, id);
  }

  function sinceArrivalMs(id: number): number {
    return nowMs - requestOf(id).atMs;
  }

  function watchForStandstill(atMs: number): void {
    eventsAtOnce = atMs === nowMs ? eventsAtOnce + 1 : 0;
    const lastMs = Math.max(lastEndMs, workload.at(-1)?.atMs ?? 0);
    if (eventsAtOnce <= STANDSTILL.eventsAtOnce && atMs <= lastMs + STANDSTILL.lastsMs) return;
    throw new Error(`${open} requests are left and none ends: the router has lost them or goes round in circles`);
  }

  /** If the router moves its timer, the old event still happens, and does nothing. */
  function watchTimer(): void {
    const next = router.nextEventMs();
    if (next >= tickMs) return;
    const atMs = Math.max(next, nowMs);
    tickMs = atMs;
    foresee(atMs, () => {
      if (tickMs !== atMs) return;
      tickMs = Infinity;
      router.tick(nowMs);
    });
  }
}

function existing<T>(all: readonly T[], index: number): T {
  const found = all[index];
  if (found === undefined) throw new Error(`there is no request or replica ${index}`);
  return found;
}
