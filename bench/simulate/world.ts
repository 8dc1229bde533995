// The simulated world: a discrete-event loop around one router, with requests from a workload, replicas that load, serve and report,
// and faults. No wall clock and no randomness of its own: the same options give the same run.
import TinyQueue from "tinyqueue";
import { Failures, IDLE_TIMEOUT_MS, ReportedLists, type Ending, type Faults } from "./faults.ts";
import { Ledger, type Run } from "./ledger.ts";
import { SimulatedReplica, type Happenings, type Job } from "./replica.ts";
import type { Random } from "./random.ts";
import type { MakeRouter, Router } from "./router.ts";
import type { Workload } from "./workload.ts";

export interface WorldOptions {
  readonly replicas: number;
  readonly slots: number;
  readonly concurrency: number;
  readonly loadMs: (hint: string) => number;
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
  readonly lists: ReportedLists;
  readonly jobs: Map<number, Job>;
  readonly loading: Set<string>;
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
  return new World(workload, makeRouter, options, progress).run();
}

class World {
  readonly #workload: Workload;
  readonly #options: WorldOptions;
  readonly #progress: (arrived: number) => void;
  readonly #events = new TinyQueue<Event>([], (a, b) => a.atMs - b.atMs || a.order - b.order);
  readonly #lives: Life[];
  readonly #router: Router;
  readonly #ledger: Ledger;
  readonly #failures: Failures;
  readonly #waiting = new Set<number>();
  #foreseen = 0;
  #nowMs = 0;
  #tickMs = Infinity;
  #open: number;
  #eventsAtOnce = 0;
  #lastEndMs = 0;

  constructor(workload: Workload, makeRouter: MakeRouter, options: WorldOptions, progress: (arrived: number) => void) {
    const { replicas, concurrency, random, timeToLiveMs, faults, faultRandom } = options;
    this.#workload = workload;
    this.#options = options;
    this.#progress = progress;
    this.#open = workload.length;
    this.#ledger = new Ledger(workload.length);
    this.#failures = new Failures(faults, workload, replicas, faultRandom);
    this.#lives = Array.from({ length: replicas }, (_, index) => this.#life(index, 1, true));
    const actions = {
      send: (id: number, replica: number, evict?: string | null) => this.#send(id, replica, evict ?? null),
      refuse: (id: number, why: "timed_out" | "queue_full") => this.#refuse(id, why),
    };
    this.#router = makeRouter(actions, { replicas, concurrency, random, timeToLiveMs });
  }

  run(): Run {
    const { replicas, heartbeatMs } = this.#options;
    for (let index = 0; index < replicas; index++) {
      this.#report(index);
      this.#keepReporting(index, (heartbeatMs * (index + 1)) / replicas);
      this.#scheduleDeath(index);
    }
    this.#nextArrival(0);
    while (this.#open > 0) {
      const event = this.#events.pop();
      if (event === undefined) throw new Error(`${this.#open} requests are left and nothing will happen any more`);
      this.#watchForStandstill(event.atMs);
      this.#nowMs = event.atMs;
      event.happen();
      this.#watchTimer();
    }
    return this.#ledger.close(this.#nowMs);
  }

  #foresee(atMs: number, happen: () => void): void {
    this.#events.push({ atMs, order: this.#foreseen++, happen });
  }

  /** It does not happen where the replica has died by then. */
  #foreseeIn(life: Life, atMs: number, happen: () => void): void {
    this.#foresee(atMs, () => {
      if (this.#lives[life.index] === life) happen();
    });
  }

  #nextArrival(id: number): void {
    const request = this.#workload[id];
    if (request !== undefined) this.#foresee(Math.max(this.#nowMs, request.atMs), () => this.#arrive(id));
  }

  #arrive(id: number): void {
    const { hint, serviceMs } = this.#requestOf(id);
    this.#nextArrival(id + 1);
    this.#waiting.add(id);
    this.#router.arrive({ id, hint, costMs: this.#options.costs ? serviceMs : null }, this.#nowMs);
    if ((id + 1) % PROGRESS_EVERY === 0) this.#progress(id + 1);
  }

  #send(id: number, index: number, evict: string | null): void {
    if (!this.#waiting.delete(id)) throw new Error(`request ${id} is not waiting`);
    const { hint, serviceMs } = this.#requestOf(id);
    const life = this.#lifeOf(index);
    if (!life.alive) {
      this.#waiting.add(id);
      return this.#foresee(this.#nowMs + REFUSAL_MS, () => this.#router.failed(id, this.#nowMs));
    }
    const job = { id, hint, serviceMs, evict };
    life.jobs.set(id, job);
    this.#ledger.of(id).cold = "warm";
    life.replica.accept(job, this.#nowMs);
  }

  #refuse(id: number, why: "timed_out" | "queue_full"): void {
    const outcome = this.#ledger.of(id);
    if (!this.#waiting.delete(id)) throw new Error(`request ${id} is not waiting`);
    outcome.refused = why;
    outcome.waitedMs = this.#sinceArrivalMs(id);
    this.#ended(id);
  }

  #ended(id: number): void {
    this.#ledger.of(id).inSystemMs = this.#sinceArrivalMs(id);
    this.#open--;
    this.#lastEndMs = this.#nowMs;
  }

  #ends(life: Life, job: Job, ends: Ending, answersMs: number, overMs: number): void {
    this.#foreseeIn(life, answersMs, () => {
      const hints = this.#options.faults.noInBand ? null : life.replica.loaded();
      this.#router.answered(job.id, { status: ends === "error" ? 500 : 200, hints }, this.#nowMs);
    });
    this.#foreseeIn(life, overMs, () => this.#over(life, job, ends));
  }

  #over(life: Life, job: Job, ends: Ending): void {
    life.jobs.delete(job.id);
    this.#ledger.countBusy(-1, this.#nowMs);
    life.replica.finish(job, this.#nowMs);
    life.lists.note(life.replica, this.#nowMs);
    const outcome = this.#ledger.of(job.id);
    outcome.served = ends === "served";
    outcome.failed = ends !== "served";
    this.#ended(job.id);
    if (ends === "stall") this.#router.brokeOff(job.id, this.#nowMs);
    else this.#router.finished(job.id, this.#nowMs);
  }

  #loads(life: Life, hint: string, job: Job, untilMs: number): void {
    this.#ledger.of(job.id).cold = "load";
    this.#ledger.loadStarts(hint);
    life.loading.add(hint);
    life.lists.note(life.replica, this.#nowMs);
    this.#foreseeIn(life, untilMs, () => {
      life.loading.delete(hint);
      this.#ledger.loadEnds(hint);
      life.replica.loadDone(hint, this.#nowMs);
      life.lists.note(life.replica, this.#nowMs);
    });
  }

  #scheduleDeath(index: number): void {
    const { faults, faultRandom } = this.#options;
    if (faults.churnMs === Infinity) return;
    this.#foresee(this.#nowMs - faults.churnMs * Math.log(1 - faultRandom()), () => this.#die(index));
  }

  #die(index: number): void {
    const { incarnation, replica, loading, jobs } = this.#lifeOf(index);
    const lost = [...jobs.keys()];
    this.#ledger.countBusy(-replica.active, this.#nowMs);
    for (const hint of loading) this.#ledger.loadEnds(hint);
    const life = this.#life(index, incarnation + 1, false);
    this.#lives[index] = life;
    for (const id of lost) {
      this.#waiting.add(id);
      this.#router.failed(id, this.#nowMs);
    }
    this.#foresee(this.#nowMs + REJOIN_MS, () => {
      life.alive = true;
      this.#report(index);
      this.#scheduleDeath(index);
    });
  }

  #keepReporting(index: number, atMs: number): void {
    this.#foresee(atMs, () => {
      if (this.#lifeOf(index).alive) this.#report(index);
      this.#keepReporting(index, this.#nowMs + this.#options.heartbeatMs);
    });
  }

  #report(index: number): void {
    const { faults, slots, concurrency } = this.#options;
    const life = this.#lifeOf(index);
    const hints = life.lists.report(life.replica, this.#nowMs);
    const rest = { hintSlots: faults.noHintSlots ? null : slots, concurrency, inFlight: life.jobs.size };
    const { incarnation } = life;
    this.#router.report({ replica: index, incarnation, sequence: ++life.sequence, hints, ...rest }, this.#nowMs);
  }

  #life(index: number, incarnation: number, alive: boolean): Life {
    const { slots, concurrency, loadMs, faults, faultRandom } = this.#options;
    const happenings: Happenings = {
      starts: ({ id }) => {
        this.#ledger.countBusy(1, this.#nowMs);
        this.#ledger.of(id).waitedMs = this.#sinceArrivalMs(id);
      },
      runs: (job, untilMs) => {
        const ends = this.#failures.endingOf(index, job.id);
        this.#ends(life, job, ends, untilMs, ends === "stall" ? untilMs + IDLE_TIMEOUT_MS : untilMs);
      },
      loads: (hint, job, untilMs) => this.#loads(life, hint, job, untilMs),
      joinsLoad: ({ id }) => {
        this.#ledger.of(id).cold = "joined";
      },
      fails: (job, untilMs) => this.#ends(life, job, "error", untilMs, untilMs),
    };
    const failsAfterMs = (hint: string) => this.#failures.refusesAfterMs(index, hint, loadMs);
    const replica = new SimulatedReplica({ slots, concurrency, loadMs, failsAfterMs }, happenings);
    const lists = new ReportedLists(faults, faultRandom);
    const life: Life = { index, incarnation, replica, alive, sequence: 0, lists, jobs: new Map(), loading: new Set() };
    return life;
  }

  #lifeOf(index: number): Life {
    const life = this.#lives[index];
    if (life === undefined) throw new Error(`there is no replica ${index}`);
    return life;
  }

  #requestOf(id: number): Workload[number] {
    const request = this.#workload[id];
    if (request === undefined) throw new Error(`there is no request ${id}`);
    return request;
  }

  #sinceArrivalMs(id: number): number {
    return this.#nowMs - this.#requestOf(id).atMs;
  }

  #watchForStandstill(atMs: number): void {
    this.#eventsAtOnce = atMs === this.#nowMs ? this.#eventsAtOnce + 1 : 0;
    const lastMs = Math.max(this.#lastEndMs, this.#workload.at(-1)?.atMs ?? 0);
    if (this.#eventsAtOnce <= EVENTS_AT_ONCE && atMs <= lastMs + STALLED_MS) return;
    throw new Error(`${this.#open} requests are left and none ends: the router has lost them or goes round in circles`);
  }

  /** A timer that was set for later happens nevertheless, and nothing is done then. */
  #watchTimer(): void {
    const next = this.#router.nextEventMs();
    if (next >= this.#tickMs) return;
    const atMs = Math.max(next, this.#nowMs);
    this.#tickMs = atMs;
    this.#foresee(atMs, () => {
      if (this.#tickMs !== atMs) return;
      this.#tickMs = Infinity;
      this.#router.tick(this.#nowMs);
    });
  }
}
