// A fleet in simulated time whose replicas an autoscaler starts and stops by what src/views/scale.ts tells it: the real scheduler, driven as the Fleet object
// does, with random arrivals, service times, starts and loads.
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import { uniformFloat64 } from "pure-rand/distribution/uniformFloat64";
import TinyQueue from "tinyqueue";
import { applyHeartbeat } from "../../../src/routing/ledger/membership.ts";
import { answered, finish } from "../../../src/routing/lifecycle.ts";
import { costPolicy } from "../../../src/routing/policy/cost.ts";
import * as scheduling from "../../../src/routing/scheduler.ts";
import { DemandHistory } from "../../../src/views/demand.ts";
import { SCALE_DEFAULTS, scaleOf, type Scale, type ScaleOptions } from "../../../src/views/scale.ts";
import { arrival, beat } from "../../routing/support/fleets.ts";

export interface Workload {
  readonly seed: number;
  /** How long it goes on. */
  readonly seconds: number;
  /** Requests a second at a time; at most `mostPerSecond`. */
  readonly perSecond: (atS: number) => number;
  readonly mostPerSecond: number;
  /** Mean time of a warm request; times are exponential. */
  readonly serviceS: number;
  readonly slots: number;
  /** From asking for a replica until it is ready, and then for its load. */
  readonly startS: number;
  readonly loadS: number;
  readonly options?: Partial<ScaleOptions>;
  /** Replicas at the start. */
  readonly replicas?: number;
  /** How often the autoscaler asks. */
  readonly pollS?: number;
}

export interface Poll extends Scale {
  readonly atS: number;
  /** Those that were asked for, ready or not. */
  readonly there: number;
}

export interface Run {
  readonly polls: readonly Poll[];
  /** Of each request that was sent: when it came, and how long it waited. */
  readonly waits: readonly { readonly atS: number; readonly waitedS: number }[];
  readonly refused: number;
  /** Replica-seconds that were paid for. */
  readonly paidS: number;
}

interface Event {
  readonly atMs: number;
  readonly happens: () => void;
}

const HINT = "m";
/** No replica expires: what ends one here is the autoscaler. */
const FOR_EVER_MS = 1e12;
const WAITING = { queueLengthMax: 10_000, coldStartMs: 12_000 };

export function autoscaled(workload: Workload): Run {
  const { seed, seconds, serviceS, slots, startS, loadS, pollS = 15 } = workload;
  const random = xoroshiro128plus(seed);
  const draw = () => uniformFloat64(random);
  const exponentialMs = (meanS: number) => -Math.log(1 - draw()) * meanS * 1000;
  const options = { ...SCALE_DEFAULTS, startMs: startS * 1000, ...workload.options };
  const scheduler = scheduling.createScheduler(costPolicy(), WAITING.coldStartMs);
  const history = new DemandHistory();
  const events = new TinyQueue<Event>([], (a, b) => a.atMs - b.atMs);
  const after = (ms: number, happens: () => void) => events.push({ atMs: now + ms, happens });
  /** By name: replicas that were asked for and not yet stopped. */
  const there = new Map<string, "starting" | "ready">();
  const arrivedAtMs = new Map<number, number>();
  const polls: Poll[] = [];
  const waits: { atS: number; waitedS: number }[] = [];
  let [now, lastId, lastName, refused, paidS] = [0, 0, 0, 0, 0];

  for (let replica = 0; replica < (workload.replicas ?? 0); replica++) start(0);
  arriveNext();
  poll();
  for (let event = events.pop(); event !== undefined && event.atMs <= seconds * 1000; event = events.pop()) {
    paidS += (there.size * (event.atMs - now)) / 1000;
    now = event.atMs;
    event.happens();
    history.note(scheduler, now);
  }
  return { polls, waits, refused, paidS };

  /** Thinning (Lewis and Shedler, 1979): arrivals at the highest rate, of which those of the present rate are kept. */
  function arriveNext(): void {
    after(exponentialMs(1 / workload.mostPerSecond), () => {
      if (draw() * workload.mostPerSecond < workload.perSecond(now / 1000)) arrive();
      arriveNext();
    });
  }

  function arrive(): void {
    const id = ++lastId;
    arrivedAtMs.set(id, now);
    const outcome = scheduling.enqueue(scheduler, WAITING, id, arrival([HINT], now, { deadlineMs: now + 3_600_000 }), now);
    if (outcome.kind === "refused") refused++;
    if (outcome.kind === "granted") serve(outcome.grant);
    dispatch();
  }

  function serve({ id, warmth, replica }: Extract<scheduling.Outcome, { kind: "granted" }>["grant"]): void {
    waits.push({ atS: (arrivedAtMs.get(id) ?? 0) / 1000, waitedS: (now - (arrivedAtMs.get(id) ?? 0)) / 1000 });
    arrivedAtMs.delete(id);
    const servesMs = exponentialMs(serviceS) + (warmth === "warm" ? 0 : loadS * 1000);
    after(servesMs, () => {
      answered(scheduler, id, { kind: "success", hints: [HINT] }, now);
      finish(scheduler, id, now);
      if (replica.status === "draining" && replica.grants.size === 0) stop(replica.id);
      dispatch();
    });
  }

  function dispatch(): void {
    for (const outcome of scheduling.dispatch(scheduler, WAITING, now).values())
      if (outcome.kind === "granted") serve(outcome.grant);
      else refused++;
  }

  function poll(): void {
    history.note(scheduler, now);
    const told = scaleOf(scheduler, history, options, now);
    for (let more = told.desired_replicas - there.size; more > 0; more--) start(startS * 1000);
    polls.push({ ...told, atS: now / 1000, there: there.size });
    // Those that serve nothing first, as an operator would.
    const byLoad = [...scheduler.fleet.replicas.values()].sort((a, b) => a.grants.size - b.grants.size);
    for (const { id, status } of byLoad) if (status === "ready" && comingOrReady() > told.desired_replicas) drain(id);
    after(pollS * 1000, poll);
  }

  function comingOrReady(): number {
    return [...there.keys()].filter((id) => scheduler.fleet.replicas.get(id)?.status !== "draining").length;
  }

  function start(afterMs: number): void {
    const name = `r${++lastName}`;
    there.set(name, "starting");
    after(afterMs, () => {
      there.set(name, "ready");
      says(name, "ready");
      dispatch();
    });
  }

  function drain(name: string): void {
    says(name, "draining");
    if (scheduler.fleet.replicas.get(name)?.grants.size === 0) stop(name);
  }

  function stop(name: string): void {
    there.delete(name);
    says(name, "stopped");
  }

  function says(replica: string, status: "ready" | "draining" | "stopped"): void {
    const hints = [...(scheduler.fleet.replicas.get(replica)?.advertised?.keys() ?? [])];
    applyHeartbeat(scheduler.fleet, beat(replica, { status, hints, concurrency: slots }), FOR_EVER_MS, now);
  }
}
