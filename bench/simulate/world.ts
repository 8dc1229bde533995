// The simulated world: a discrete-event loop around one router, with requests from a workload, replicas that load, serve and report,
// and faults. No wall clock and no randomness of its own: the same options give the same run.
import { Events, type Event } from "./events.ts";
import { Failures, IDLE_TIMEOUT_MS, ReportedLists, type Ending, type Faults } from "./faults.ts";
import { Ledger, type Run } from "./ledger.ts";
import { SimulatedReplica, type Job } from "./replica.ts";
import type { Random } from "./random.ts";
import type { MakeRouter, Report, Router } from "./router.ts";
import { hashName, score, type Weighted } from "../../src/routing/rendezvous.ts";
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
  /** Response headers come when serving starts rather than when it ends, as from replicas that stream. */
  readonly streams: boolean;
  /** What routers draw from, and what faults are drawn from: the same faults for every router. */
  readonly random: Random;
  readonly faultRandom: Random;
}

interface Place {
  replica: SimulatedReplica;
  process: number;
  alive: boolean;
  sequence: number;
  readonly lists: ReportedLists;
  readonly jobs: Map<number, Job>;
  readonly loading: Set<string>;
}

type Ends = Extract<Event, { does: "answers" | "over" }>;

const REJOIN_MS = 60_000;
/** A dead replica refuses a connection after this long. */
const REFUSAL_MS = 1;
/** What a router that does nothing sensible is allowed: events at one moment, and time without any request ending. */
const EVENTS_AT_ONCE = 1_000_000;
const STALLED_MS = 30 * 86_400_000;

/** Runs the workload to its end. `progress` hears how many requests have arrived, every thousand. */
export function simulate(
  workload: Workload,
  makeRouter: MakeRouter,
  options: WorldOptions,
  progress: (arrived: number) => void = () => {},
): Run {
  return new World(workload, makeRouter, options).run(progress);
}

class World {
  readonly #workload: Workload;
  readonly #options: WorldOptions;
  readonly #events = new Events();
  readonly #places: Place[];
  readonly #router: Router;
  readonly #ledger: Ledger;
  readonly #weighted: readonly Weighted[];
  readonly #failures: Failures;
  readonly #waiting = new Set<number>();
  #nowMs = 0;
  #tickMs = Infinity;
  #open: number;
  #eventsAtOnce = 0;
  #lastEndMs = 0;

  constructor(workload: Workload, makeRouter: MakeRouter, options: WorldOptions) {
    this.#workload = workload;
    this.#options = options;
    this.#open = workload.length;
    this.#ledger = new Ledger(workload.length);
    this.#weighted = Array.from({ length: options.replicas }, (_, index) => ({
      hash: hashName(String(index)),
      weight: options.concurrency,
    }));
    this.#failures = new Failures(options.faults, workload, options.replicas, options.faultRandom);
    this.#places = Array.from({ length: options.replicas }, (_, index) => this.#place(index, 1));
    this.#router = makeRouter(
      { send: (id, replica, evict) => this.#send(id, replica, evict ?? null), refuse: (id, why) => this.#refuse(id, why) },
      {
        replicas: options.replicas,
        concurrency: options.concurrency,
        random: options.random,
        timeToLiveMs: options.timeToLiveMs,
      },
    );
  }

  run(progress: (arrived: number) => void): Run {
    for (let replica = 0; replica < this.#options.replicas; replica++) {
      this.#report(replica);
      this.#events.push({ atMs: (this.#options.heartbeatMs * (replica + 1)) / this.#options.replicas, does: "report", replica });
      this.#scheduleDeath(replica);
    }
    this.#nextArrival(0);
    while (this.#open > 0) {
      const event = this.#events.pop();
      if (event === undefined) throw new Error(`${this.#open} requests are left and nothing will happen any more`);
      this.#watchForStandstill(event.atMs);
      this.#nowMs = event.atMs;
      this.#happen(event);
      if (event.does === "arrive" && event.index % 1000 === 999) progress(event.index + 1);
      this.#watchTimer();
    }
    return this.#ledger.close(this.#nowMs);
  }

  #happen(event: Event): void {
    switch (event.does) {
      case "arrive":
        return this.#arrive(event.index);
      case "report":
        if (this.#at(event.replica).alive) this.#report(event.replica);
        return this.#events.push({ atMs: this.#nowMs + this.#options.heartbeatMs, does: "report", replica: event.replica });
      case "loaded":
        return this.#loaded(event.replica, event.hint, event.process);
      case "answers":
        return this.#answers(event);
      case "over":
        return this.#over(event);
      case "refused":
        return this.#router.failed(event.id, this.#nowMs);
      case "die":
        return this.#die(event.replica);
      case "join":
        this.#at(event.replica).alive = true;
        this.#report(event.replica);
        return this.#scheduleDeath(event.replica);
      case "tick":
        if (event.atMs !== this.#tickMs) return;
        this.#tickMs = Infinity;
        return this.#router.tick(this.#nowMs);
    }
  }

  #arrive(index: number): void {
    const request = this.#workload[index];
    if (request === undefined) return;
    this.#nextArrival(index + 1);
    this.#waiting.add(index);
    this.#router.arrive({ id: index, hint: request.hint, costMs: this.#options.costs ? request.serviceMs : null }, this.#nowMs);
  }

  #nextArrival(index: number): void {
    const request = this.#workload[index];
    if (request !== undefined) this.#events.push({ atMs: Math.max(this.#nowMs, request.atMs), does: "arrive", index });
  }

  #send(id: number, index: number, evict: string | null): void {
    const request = this.#workload[id];
    if (request === undefined || !this.#waiting.delete(id)) throw new Error(`request ${id} is not waiting`);
    const place = this.#at(index);
    const job = { id, hint: request.hint, serviceMs: request.serviceMs, evict };
    if (!place.alive) {
      this.#waiting.add(id);
      this.#events.push({ atMs: this.#nowMs + REFUSAL_MS, does: "refused", id });
      return;
    }
    place.jobs.set(id, job);
    this.#ledger.of(id).cold = "warm";
    place.replica.accept(job, this.#nowMs);
  }

  #refuse(id: number, why: "timed_out" | "queue_full"): void {
    const outcome = this.#ledger.of(id);
    if (!this.#waiting.delete(id)) throw new Error(`request ${id} is not waiting`);
    outcome.refused = why;
    this.#lastEndMs = this.#nowMs;
    outcome.inSystemMs = outcome.waitedMs = this.#sinceArrivalMs(id);
    this.#open--;
  }

  #runs(index: number, job: Job, untilMs: number): void {
    const ends = this.#failures.endingOf(index, job.id);
    const answersMs = this.#options.streams && ends !== "error" ? this.#nowMs : untilMs;
    this.#ends(index, job, ends, answersMs, ends === "stall" ? answersMs + IDLE_TIMEOUT_MS : untilMs);
  }

  #ends(replica: number, job: Job, ends: Ending, answersMs: number, overMs: number): void {
    const { process } = this.#at(replica);
    this.#events.push({ atMs: answersMs, does: "answers", replica, job, process, ends });
    this.#events.push({ atMs: overMs, does: "over", replica, job, process, ends });
  }

  #loadStarts(index: number, hint: string, job: Job, untilMs: number): void {
    this.#ledger.of(job.id).cold = "load";
    this.#ledger.loadStarts(hint, untilMs - this.#nowMs, this.#homeOf(index, hint));
    const place = this.#at(index);
    place.loading.add(hint);
    place.lists.note(place.replica, this.#nowMs);
    this.#events.push({ atMs: untilMs, does: "loaded", replica: index, hint, process: place.process });
  }

  /** How many replicas are before this one in the hint's hash order. */
  #homeOf(index: number, hint: string): number {
    const hash = hashName(hint);
    const its = score(hash, this.#weighted[index] ?? { hash, weight: 1 });
    return this.#weighted.filter((other) => score(hash, other) > its).length;
  }

  #loaded(index: number, hint: string, process: number): void {
    const place = this.#at(index);
    if (place.process !== process) return;
    place.loading.delete(hint);
    this.#ledger.loadEnds(hint);
    place.replica.loadDone(hint, this.#nowMs);
    place.lists.note(place.replica, this.#nowMs);
  }

  #over({ replica: index, job, process, ends }: Ends): void {
    const place = this.#at(index);
    if (place.process !== process) return;
    place.jobs.delete(job.id);
    this.#ledger.countBusy(-1, this.#nowMs);
    place.replica.finish(job, this.#nowMs);
    place.lists.note(place.replica, this.#nowMs);
    const outcome = this.#ledger.of(job.id);
    outcome.served = ends === "served";
    outcome.failed = ends !== "served";
    outcome.inSystemMs = this.#sinceArrivalMs(job.id);
    this.#open--;
    this.#lastEndMs = this.#nowMs;
    if (ends === "stall") this.#router.brokeOff(job.id, this.#nowMs);
    else this.#router.finished(job.id, this.#nowMs);
  }

  #answers({ replica: index, job, process, ends }: Ends): void {
    const place = this.#at(index);
    if (place.process !== process) return;
    const hints = this.#options.faults.noInBand ? null : place.replica.loaded();
    this.#router.answered(job.id, { status: ends === "error" ? 500 : 200, hints }, this.#nowMs);
  }

  #die(index: number): void {
    const place = this.#at(index);
    const lost = [...place.jobs.keys()];
    const { process } = place;
    this.#ledger.countBusy(-place.replica.active, this.#nowMs);
    for (const hint of place.loading) this.#ledger.loadEnds(hint);
    this.#places[index] = { ...this.#place(index, process + 1), alive: false };
    for (const id of lost) {
      this.#waiting.add(id);
      this.#router.failed(id, this.#nowMs);
    }
    this.#events.push({ atMs: this.#nowMs + REJOIN_MS, does: "join", replica: index });
  }

  #scheduleDeath(replica: number): void {
    const { churnMs } = this.#options.faults;
    if (churnMs === Infinity) return;
    this.#events.push({ atMs: this.#nowMs - churnMs * Math.log(1 - this.#options.faultRandom()), does: "die", replica });
  }

  #report(index: number): void {
    const { faults, slots, concurrency } = this.#options;
    const place = this.#at(index);
    const report: Report = {
      replica: index,
      incarnation: place.process,
      sequence: ++place.sequence,
      hints: place.lists.report(place.replica, this.#nowMs),
      hintSlots: faults.noHintSlots ? null : slots,
      concurrency,
      inFlight: place.jobs.size,
    };
    this.#router.report(report, this.#nowMs);
  }

  #place(index: number, process: number): Place {
    const { slots, concurrency, loadMs, faults, faultRandom } = this.#options;
    const happenings = {
      starts: (job: Job) => {
        this.#ledger.countBusy(1, this.#nowMs);
        this.#ledger.of(job.id).waitedMs = this.#sinceArrivalMs(job.id);
      },
      runs: (job: Job, untilMs: number) => this.#runs(index, job, untilMs),
      loads: (hint: string, job: Job, untilMs: number) => this.#loadStarts(index, hint, job, untilMs),
      joinsLoad: (job: Job) => {
        this.#ledger.of(job.id).cold = "joined";
      },
      fails: (job: Job, untilMs: number) => this.#ends(index, job, "error", untilMs, untilMs),
    };
    const failsAfterMs = (hint: string) => this.#failures.refusesAfterMs(index, hint, loadMs);
    const replica = new SimulatedReplica({ slots, concurrency, loadMs, failsAfterMs }, happenings);
    const lists = new ReportedLists(faults, faultRandom);
    return { replica, process, alive: true, sequence: 0, lists, jobs: new Map(), loading: new Set() };
  }

  #at(index: number): Place {
    const place = this.#places[index];
    if (place === undefined) throw new Error(`there is no replica ${index}`);
    return place;
  }

  #sinceArrivalMs(id: number): number {
    return this.#nowMs - (this.#workload[id]?.atMs ?? 0);
  }

  #watchForStandstill(atMs: number): void {
    this.#eventsAtOnce = atMs === this.#nowMs ? this.#eventsAtOnce + 1 : 0;
    const lastMs = Math.max(this.#lastEndMs, this.#workload.at(-1)?.atMs ?? 0);
    if (this.#eventsAtOnce <= EVENTS_AT_ONCE && atMs <= lastMs + STALLED_MS) return;
    throw new Error(`${this.#open} requests are left and none ends: the router has lost them or goes round in circles`);
  }

  #watchTimer(): void {
    const next = this.#router.nextEventMs();
    if (next >= this.#tickMs) return;
    this.#tickMs = Math.max(next, this.#nowMs);
    this.#events.push({ atMs: this.#tickMs, does: "tick" });
  }
}
