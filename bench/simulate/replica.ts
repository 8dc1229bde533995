// A simulated replica: a few hints in memory, the least recently used making room; requests that run, wait for their load, wait for room, or
// (sent over the concurrency) wait for a slot. It knows the truth. Routers see only what it reports.
import type { Advice } from "../../src/routing/prewarm.ts";
import { IDLE_TIMEOUT_MS, type failuresOf, type Faults } from "./faults.ts";
import type { Outcome } from "./outcome.ts";
import type { Random } from "./random.ts";
import type { Router } from "./router.ts";
import type { Request } from "./workload.ts";

interface Entry {
  loaded: boolean;
  users: number;
  /** Requests that wait for the load. */
  readonly waiting: number[];
}

/** The world as its replicas see it. */
export interface Surroundings {
  readonly slots: number;
  readonly concurrency: number;
  readonly loadMs: (hint: string) => number;
  readonly faults: Faults;
  readonly faultRandom: Random;
  readonly failures: ReturnType<typeof failuresOf>;
  readonly router: Router;
  readonly nowMs: () => number;
  readonly requestOf: (id: number) => Request;
  readonly outcomeOf: (id: number) => Outcome;
  readonly sinceArrivalMs: (id: number) => number;
  /** How many replicas are before this one in the hint's hash order. */
  readonly homeOf: (index: number, hint: string) => number;
  readonly ended: (id: number) => void;
  /** Something happens after this time, unless the replica has died by then. */
  readonly foreseeFor: (replica: SimulatedReplica, inMs: number, happen: () => void) => void;
}

/** A process. After its death another begins in its place. */
export class SimulatedReplica {
  readonly index: number;
  readonly incarnation: number;
  readonly jobs = new Set<number>();
  alive: boolean;
  sequence = 0;
  readonly #world: Surroundings;
  readonly #speed: number;
  /** Least recently used first. */
  readonly #entries = new Map<string, Entry>();
  readonly #queue: number[] = [];
  readonly #roomless: number[] = [];
  #active = 0;
  /** A load by advice is going on. */
  #isPreloading = false;
  /** What late reports may still say, oldest first. */
  readonly #before: { readonly atMs: number; readonly hints: readonly string[] }[] = [];

  constructor(world: Surroundings, index: number, incarnation: number, alive: boolean, speed: number) {
    this.#world = world;
    this.index = index;
    this.incarnation = incarnation;
    this.alive = alive;
    this.#speed = speed;
  }

  /** The hints that a report of now names: those held now or some time ago, less what is dropped. */
  reported(): readonly string[] {
    const { lateMs, dropped } = this.#world.faults;
    const held = lateMs === 0 ? this.#loaded() : this.#loadedAt(this.#world.nowMs() - lateMs);
    return dropped === 0 ? held : held.filter(() => this.#world.faultRandom() >= dropped);
  }

  accept(id: number): void {
    const { concurrency, outcomeOf, sinceArrivalMs } = this.#world;
    this.jobs.add(id);
    const foundFull = this.#active >= concurrency;
    Object.assign(outcomeOf(id), { foundFull, waitedMs: sinceArrivalMs(id) });
    if (foundFull) this.#queue.push(id);
    else this.#start(id);
  }

  #start(id: number): void {
    const { failures, loadMs, outcomeOf, sinceArrivalMs, requestOf } = this.#world;
    this.#active++;
    const outcome = outcomeOf(id);
    const waitedMs = sinceArrivalMs(id);
    Object.assign(outcome, { waitedMs, queuedMs: waitedMs - outcome.waitedMs });
    const failsMs = failures.refusesAfterMs(this.index, requestOf(id).hint, loadMs);
    if (failsMs === null) this.#use(id);
    else this.#willEnd(id, "error", failsMs, failsMs);
  }

  /**
   * Follows advice, if the replica is idle and has or can make space: how long the load takes; null: it does not. `loaded` is called at its end.
   * Meanwhile requests for other hints wait, as on a server that does one thing at a time.
   */
  preload({ load: hint, evict }: Advice, loaded: () => void): number | null {
    const { slots, failures, loadMs, foreseeFor } = this.#world;
    const fails = failures.refusesAfterMs(this.index, hint, loadMs) !== null;
    if (fails || this.jobs.size > 0 || this.#isPreloading || this.#entries.has(hint)) return null;
    if (this.#entries.size >= slots && !this.#drop(evict) && !this.#evict()) return null;
    const entry: Entry = { loaded: false, users: 0, waiting: [] };
    this.#entries.set(hint, entry);
    this.#isPreloading = true;
    const takesMs = loadMs(hint) / this.#speed;
    this.#note();
    foreseeFor(this, takesMs, () => {
      this.#isPreloading = false;
      this.#loadEnds(entry);
      for (const waiting of this.#roomless.splice(0)) this.#use(waiting);
      loaded();
    });
    return takesMs;
  }

  #drop(hint: string | null): boolean {
    const entry = this.#entries.get(hint ?? "");
    return entry?.users === 0 && entry.loaded && this.#entries.delete(hint ?? "");
  }

  #use(id: number): void {
    const { slots, outcomeOf, requestOf } = this.#world;
    const { hint } = requestOf(id);
    const entry = this.#entries.get(hint);
    if (this.#isPreloading && (entry === undefined || entry.loaded)) return void this.#roomless.push(id);
    if (entry === undefined) {
      if (this.#entries.size >= slots && !this.#evict()) return void this.#roomless.push(id);
      return this.#load(hint, id);
    }
    this.#entries.delete(hint);
    this.#entries.set(hint, entry);
    entry.users++;
    if (entry.loaded) return this.#run(id);
    entry.waiting.push(id);
    outcomeOf(id).cold = "joined";
  }

  /** Makes room: the least recently used hint that is idle goes. */
  #evict(): boolean {
    const victim = [...this.#entries].find(([, { users, loaded }]) => users === 0 && loaded);
    return victim !== undefined && this.#entries.delete(victim[0]);
  }

  #load(hint: string, id: number): void {
    const { loadMs, outcomeOf, homeOf, foreseeFor } = this.#world;
    const entry: Entry = { loaded: false, users: 1, waiting: [id] };
    this.#entries.set(hint, entry);
    const takesMs = loadMs(hint) / this.#speed;
    Object.assign(outcomeOf(id), { cold: "load", loadMs: takesMs, home: homeOf(this.index, hint) });
    this.#note();
    foreseeFor(this, takesMs, () => {
      this.#loadEnds(entry);
    });
  }

  #loadEnds(entry: Entry): void {
    entry.loaded = true;
    for (const waiting of entry.waiting.splice(0)) this.#run(waiting);
    this.#note();
  }

  #run(id: number): void {
    const { failures, requestOf } = this.#world;
    const ends = failures.endingOf(this.index, id);
    const serviceMs = requestOf(id).serviceMs / this.#speed;
    this.#willEnd(id, ends, serviceMs, ends === "stall" ? serviceMs + IDLE_TIMEOUT_MS : serviceMs);
  }

  #willEnd(id: number, ends: "served" | "error" | "stall", answersMs: number, overMs: number): void {
    const { faults, router, foreseeFor, nowMs } = this.#world;
    foreseeFor(this, answersMs, () => {
      const hints = faults.noInBand ? null : this.#loaded();
      router.answered(id, { status: ends === "error" ? 500 : 200, hints }, nowMs());
    });
    foreseeFor(this, overMs, () => {
      this.#finish(id);
      Object.assign(this.#world.outcomeOf(id), { served: ends === "served", failed: ends !== "served" });
      this.#world.ended(id);
      if (ends === "stall") router.brokeOff(id, nowMs());
      else router.finished(id, nowMs());
    });
  }

  #finish(id: number): void {
    const { concurrency, requestOf } = this.#world;
    this.jobs.delete(id);
    const entry = this.#entries.get(requestOf(id).hint);
    if (entry !== undefined) entry.users--;
    this.#active--;
    for (const waiting of this.#roomless.splice(0)) this.#use(waiting);
    const next = this.#active < concurrency ? this.#queue.shift() : undefined;
    if (next !== undefined) this.#start(next);
    this.#note();
  }

  #loaded(): string[] {
    return [...this.#entries].filter(([, { loaded }]) => loaded).map(([hint]) => hint);
  }

  /** What is held has changed. */
  #note(): void {
    if (this.#world.faults.lateMs > 0) this.#before.push({ atMs: this.#world.nowMs(), hints: this.#loaded() });
  }

  #loadedAt(thenMs: number): readonly string[] {
    while ((this.#before[1]?.atMs ?? Infinity) <= thenMs) this.#before.shift();
    const [first] = this.#before;
    return first !== undefined && first.atMs <= thenMs ? first.hints : [];
  }
}
