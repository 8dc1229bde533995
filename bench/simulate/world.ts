// The simulated world: a discrete-event loop around one router, with requests from a workload, replicas that load, serve and report,
// and faults. No wall clock and no randomness of its own: the same options give the same run.
import TinyQueue from "tinyqueue";
import { failuresOf, IDLE_TIMEOUT_MS, reportedLists, type Ending, type Faults } from "./faults.ts";
import { hashName, score } from "../../src/routing/rendezvous.ts";
import { blank, type Outcome, type Run } from "./ledger.ts";
import { simulatedReplica, type Happenings, type Job, type SimulatedReplica } from "./replica.ts";
import type { Random } from "./random.ts";
import type { MakeRouter } from "./router.ts";
import type { Workload } from "./workload.ts";

export interface WorldOptions {
  readonly replicas: number;
  readonly slots: number;
  readonly concurrency: number;
  readonly loadMs: (hint: string) => number;
  /** How fast each replica is, the first first; 1 if the list does not say. */
  readonly speeds?: readonly number[];
  readonly heartbeatMs: number;
  readonly timeToLiveMs: number;
  readonly faults: Faults;
  /** Clients say what a request costs. */
  readonly costs: boolean;
  /** What routers draw from, and what faults are drawn from: the same faults for every router. */
  readonly random: Random;
  readonly faultRandom: Random;
}

/** A replica's life. Another begins after its death. */
interface Life {
  readonly index: number;
  readonly incarnation: number;
  readonly replica: SimulatedReplica;
  alive: boolean;
  sequence: number;
  readonly lists: ReturnType<typeof reportedLists>;
  readonly jobs: Map<number, Job>;
}

/** Of events at one time, what was foreseen first happens first. */
interface Event {
  readonly atMs: number;
  readonly order: number;
  readonly happen: () => void;
}

const REJOIN_MS = 60_000;
/** A dead replica refuses a connection after this long. */
const REFUSAL_MS = 1;
const PROGRESS_EVERY = 1000;
/** What a router that does nothing sensible is allowed: events at one moment, and time without any request ending. */
const EVENTS_AT_ONCE = 1_000_000;
const STALLED_MS = 30 * 86_400_000;

/** Runs the workload to its end. `progress` hears now and then how many requests have arrived. */
export function simulate(
  workload: Workload,
  makeRouter: MakeRouter,
  options: WorldOptions,
  progress: (arrived: number) => void = () => {},
): Run {
  const { replicas, slots, concurrency, loadMs, heartbeatMs, timeToLiveMs, faults, costs, random, faultRandom } = options;
  const events = new TinyQueue<Event>([], (a, b) => a.atMs - b.atMs || a.order - b.order);
  const outcomes = workload.map(blank);
  const failures = failuresOf(faults, workload, replicas, faultRandom);
  const lives = Array.from({ length: replicas }, (_, index) => makeLife(index, 1, true));
  const waiting = new Set<number>();
  const router = makeRouter({ send, refuse }, { replicas, concurrency, random, timeToLiveMs });
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
  while (open > 0) {
    const event = events.pop();
    if (event === undefined) throw new Error(`${open} requests are left and nothing will happen any more`);
    watchForStandstill(event.atMs);
    nowMs = event.atMs;
    event.happen();
    watchTimer();
  }
  return { outcomes, endMs: nowMs };

  function foresee(atMs: number, happen: () => void): void {
    events.push({ atMs, order: foreseen++, happen });
  }

  /** It does not happen where the replica has died by then. */
  function foreseeIn(life: Life, atMs: number, happen: () => void): void {
    foresee(atMs, () => {
      if (lives[life.index] === life) happen();
    });
  }

  function nextArrival(id: number): void {
    const request = workload[id];
    if (request !== undefined) foresee(Math.max(nowMs, request.atMs), () => arrive(id));
  }

  function arrive(id: number): void {
    const { hint, serviceMs } = requestOf(id);
    nextArrival(id + 1);
    waiting.add(id);
    router.arrive({ id, hint, costMs: costs ? serviceMs : null }, nowMs);
    if ((id + 1) % PROGRESS_EVERY === 0) progress(id + 1);
  }

  function send(id: number, index: number): void {
    if (!waiting.delete(id)) throw new Error(`request ${id} is not waiting`);
    const { hint, serviceMs } = requestOf(id);
    const life = lifeOf(index);
    if (!life.alive) {
      waiting.add(id);
      return foresee(nowMs + REFUSAL_MS, () => router.failed(id, nowMs));
    }
    const job = { id, hint, serviceMs: serviceMs / speedOf(index) };
    life.jobs.set(id, job);
    outcomeOf(id).cold = "warm";
    life.replica.accept(job, nowMs);
  }

  function refuse(id: number, why: "timed_out" | "queue_full"): void {
    const outcome = outcomeOf(id);
    if (!waiting.delete(id)) throw new Error(`request ${id} is not waiting`);
    outcome.refused = why;
    outcome.waitedMs = sinceArrivalMs(id);
    ended(id);
  }

  function ended(id: number): void {
    outcomeOf(id).inSystemMs = sinceArrivalMs(id);
    open--;
    lastEndMs = nowMs;
  }

  function willEnd(life: Life, job: Job, ends: Ending, answersMs: number, overMs: number): void {
    foreseeIn(life, answersMs, () => {
      const hints = faults.noInBand ? null : life.replica.loaded();
      router.answered(job.id, { status: ends === "error" ? 500 : 200, hints }, nowMs);
    });
    foreseeIn(life, overMs, () => over(life, job, ends));
  }

  function over(life: Life, job: Job, ends: Ending): void {
    life.jobs.delete(job.id);
    life.replica.finish(job, nowMs);
    life.lists.note(life.replica, nowMs);
    const outcome = outcomeOf(job.id);
    outcome.served = ends === "served";
    outcome.failed = ends !== "served";
    ended(job.id);
    if (ends === "stall") router.brokeOff(job.id, nowMs);
    else router.finished(job.id, nowMs);
  }

  function loads(life: Life, hint: string, job: Job, untilMs: number): void {
    Object.assign(outcomeOf(job.id), { cold: "load", loadMs: untilMs - nowMs, home: homeOf(life.index, hint) });
    life.lists.note(life.replica, nowMs);
    foreseeIn(life, untilMs, () => {
      life.replica.loadDone(hint, nowMs);
      life.lists.note(life.replica, nowMs);
    });
  }

  /** How many replicas are before this one in the hint's hash order. */
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
    const { incarnation, jobs } = lifeOf(index);
    const lost = [...jobs.keys()];
    const life = makeLife(index, incarnation + 1, false);
    lives[index] = life;
    for (const id of lost) {
      waiting.add(id);
      router.failed(id, nowMs);
    }
    foresee(nowMs + REJOIN_MS, () => {
      life.alive = true;
      report(index);
      scheduleDeath(index);
    });
  }

  function keepReporting(index: number, atMs: number): void {
    foresee(atMs, () => {
      if (lifeOf(index).alive) report(index);
      keepReporting(index, nowMs + heartbeatMs);
    });
  }

  function report(index: number): void {
    const life = lifeOf(index);
    const hints = life.lists.report(life.replica, nowMs);
    const rest = { hintSlots: faults.noHintSlots ? null : slots, concurrency, inFlight: life.jobs.size };
    const { incarnation } = life;
    router.report({ replica: index, incarnation, sequence: ++life.sequence, hints, ...rest }, nowMs);
  }

  function makeLife(index: number, incarnation: number, alive: boolean): Life {
    const happenings: Happenings = {
      starts: ({ id }) => {
        outcomeOf(id).waitedMs = sinceArrivalMs(id);
      },
      runs: (job, untilMs) => {
        const ends = failures.endingOf(index, job.id);
        willEnd(life, job, ends, untilMs, ends === "stall" ? untilMs + IDLE_TIMEOUT_MS : untilMs);
      },
      loads: (hint, job, untilMs) => loads(life, hint, job, untilMs),
      joinsLoad: ({ id }) => {
        outcomeOf(id).cold = "joined";
      },
      fails: (job, untilMs) => willEnd(life, job, "error", untilMs, untilMs),
    };
    const failsAfterMs = (hint: string) => failures.refusesAfterMs(index, hint, loadMs);
    const loadMsHere = (hint: string) => loadMs(hint) / speedOf(index);
    const replica = simulatedReplica({ slots, concurrency, loadMs: loadMsHere, failsAfterMs }, happenings);
    const lists = reportedLists(faults, faultRandom);
    const life: Life = { index, incarnation, replica, alive, sequence: 0, lists, jobs: new Map() };
    return life;
  }

  function lifeOf(index: number): Life {
    const life = lives[index];
    if (life === undefined) throw new Error(`there is no replica ${index}`);
    return life;
  }

  function speedOf(index: number): number {
    return options.speeds?.[index] ?? 1;
  }

  function outcomeOf(id: number): Outcome {
    const outcome = outcomes[id];
    if (outcome === undefined) throw new Error(`there is no request ${id}`);
    return outcome;
  }

  function requestOf(id: number): Workload[number] {
    const request = workload[id];
    if (request === undefined) throw new Error(`there is no request ${id}`);
    return request;
  }

  function sinceArrivalMs(id: number): number {
    return nowMs - requestOf(id).atMs;
  }

  function watchForStandstill(atMs: number): void {
    eventsAtOnce = atMs === nowMs ? eventsAtOnce + 1 : 0;
    const lastMs = Math.max(lastEndMs, workload.at(-1)?.atMs ?? 0);
    if (eventsAtOnce <= EVENTS_AT_ONCE && atMs <= lastMs + STALLED_MS) return;
    throw new Error(`${open} requests are left and none ends: the router has lost them or goes round in circles`);
  }

  /** A timer that was set for later happens nevertheless, and nothing is done then. */
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
