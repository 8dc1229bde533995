// A simulated replica: a few hints in memory, the least recently used making room; requests that run, wait for their load, wait for
// room, or (sent over the concurrency) wait for a slot. It knows the truth; routers see only what it reports.

export interface Job {
  readonly id: number;
  readonly hint: string;
  readonly serviceMs: number;
  /** What the router advised to evict for it. */
  readonly evict: string | null;
}

interface Entry {
  loaded: boolean;
  users: number;
  readonly waiting: Job[];
}

export interface Happenings {
  /** The job has a slot; what it needs may still have to be loaded. */
  starts(job: Job): void;
  /** The job will be over at that time. */
  runs(job: Job, untilMs: number): void;
  /** The hint will be loaded at that time. */
  loads(hint: string, job: Job, untilMs: number): void;
  /** The job found its hint being loaded. */
  joinsLoad(job: Job): void;
  /** The job will fail at that time, and is not served. */
  fails(job: Job, untilMs: number): void;
}

export interface ReplicaOptions {
  readonly slots: number;
  readonly concurrency: number;
  readonly loadMs: (hint: string) => number;
  /** After how long it fails a request for the hint; null: it serves it. */
  readonly failsAfterMs: (hint: string) => number | null;
}

export class SimulatedReplica {
  readonly #options: ReplicaOptions;
  readonly #happenings: Happenings;
  /** Least recently used first. */
  readonly #entries = new Map<string, Entry>();
  readonly #queue: Job[] = [];
  readonly #roomless: Job[] = [];
  active = 0;

  constructor(options: ReplicaOptions, happenings: Happenings) {
    this.#options = options;
    this.#happenings = happenings;
  }

  loaded(): string[] {
    return [...this.#entries].filter(([, { loaded }]) => loaded).map(([hint]) => hint);
  }

  accept(job: Job, nowMs: number): void {
    if (this.active >= this.#options.concurrency) this.#queue.push(job);
    else this.#start(job, nowMs);
  }

  loadDone(hint: string, nowMs: number): void {
    const entry = this.#entries.get(hint);
    if (entry === undefined) return;
    entry.loaded = true;
    for (const job of entry.waiting.splice(0)) this.#happenings.runs(job, nowMs + job.serviceMs);
  }

  finish(job: Job, nowMs: number): void {
    const entry = this.#entries.get(job.hint);
    if (entry !== undefined) entry.users--;
    this.active--;
    for (const waiting of this.#roomless.splice(0)) this.#use(waiting, nowMs);
    const next = this.active < this.#options.concurrency ? this.#queue.shift() : undefined;
    if (next !== undefined) this.#start(next, nowMs);
  }

  #start(job: Job, nowMs: number): void {
    this.active++;
    this.#happenings.starts(job);
    const failsAfterMs = this.#options.failsAfterMs(job.hint);
    if (failsAfterMs === null) this.#use(job, nowMs);
    else this.#happenings.fails(job, nowMs + failsAfterMs);
  }

  #use(job: Job, nowMs: number): void {
    const { hint } = job;
    const entry = this.#entries.get(hint);
    if (entry === undefined) {
      if (this.#entries.size >= this.#options.slots && !this.#evict(job.evict)) return void this.#roomless.push(job);
      this.#entries.set(hint, { loaded: false, users: 1, waiting: [job] });
      return this.#happenings.loads(hint, job, nowMs + this.#options.loadMs(hint));
    }
    this.#entries.delete(hint);
    this.#entries.set(hint, entry);
    entry.users++;
    if (entry.loaded) return this.#happenings.runs(job, nowMs + job.serviceMs);
    entry.waiting.push(job);
    this.#happenings.joinsLoad(job);
  }

  /** Makes room: the advised hint where it is held and idle, else the least recently used that is. */
  #evict(advised: string | null): boolean {
    const isIdle = (hint: string) => this.#entries.get(hint)?.users === 0 && this.#entries.get(hint)?.loaded === true;
    const victim = advised !== null && isIdle(advised) ? advised : [...this.#entries.keys()].find(isIdle);
    return victim !== undefined && this.#entries.delete(victim);
  }
}
