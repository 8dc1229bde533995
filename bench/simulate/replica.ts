// A simulated replica: a few hints in memory, the least recently used making room; requests that run, wait for their load, wait for
// room, or (sent over the concurrency) wait for a slot. It knows the truth; routers see only what it reports.

export interface Job {
  readonly id: number;
  readonly hint: string;
  readonly serviceMs: number;
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

export type SimulatedReplica = ReturnType<typeof simulatedReplica>;

export function simulatedReplica({ slots, concurrency, loadMs, failsAfterMs }: ReplicaOptions, happenings: Happenings) {
  /** Least recently used first. */
  const entries = new Map<string, Entry>();
  const queue: Job[] = [];
  const roomless: Job[] = [];
  let active = 0;

  const start = (job: Job, nowMs: number) => {
    active++;
    happenings.starts(job);
    const failsMs = failsAfterMs(job.hint);
    if (failsMs === null) use(job, nowMs);
    else happenings.fails(job, nowMs + failsMs);
  };

  const use = (job: Job, nowMs: number) => {
    const { hint } = job;
    const entry = entries.get(hint);
    if (entry === undefined) {
      if (entries.size >= slots && !evict()) return void roomless.push(job);
      entries.set(hint, { loaded: false, users: 1, waiting: [job] });
      return happenings.loads(hint, job, nowMs + loadMs(hint));
    }
    entries.delete(hint);
    entries.set(hint, entry);
    entry.users++;
    if (entry.loaded) return happenings.runs(job, nowMs + job.serviceMs);
    entry.waiting.push(job);
    happenings.joinsLoad(job);
  };

  /** Makes room: the least recently used hint that is idle goes. */
  const evict = () => {
    const victim = [...entries].find(([, { users, loaded }]) => users === 0 && loaded);
    return victim !== undefined && entries.delete(victim[0]);
  };

  return {
    loaded: () => [...entries].filter(([, { loaded }]) => loaded).map(([hint]) => hint),
    accept(job: Job, nowMs: number): void {
      if (active >= concurrency) queue.push(job);
      else start(job, nowMs);
    },
    loadDone(hint: string, nowMs: number): void {
      const entry = entries.get(hint);
      if (entry === undefined) return;
      entry.loaded = true;
      for (const job of entry.waiting.splice(0)) happenings.runs(job, nowMs + job.serviceMs);
    },
    finish(job: Job, nowMs: number): void {
      const entry = entries.get(job.hint);
      if (entry !== undefined) entry.users--;
      active--;
      for (const waiting of roomless.splice(0)) use(waiting, nowMs);
      const next = active < concurrency ? queue.shift() : undefined;
      if (next !== undefined) start(next, nowMs);
    },
  };
}
