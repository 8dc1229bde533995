// Ray Serve's model multiplexing (ray-project/ray, python/ray/serve/_private/request_router/: request_router.py and pow_2_router.py,
// at 0048e228). Up to two routing tasks a replica, 50 in all, each take the next request and look for a replica for its model. Of the
// candidates a task draws two, and takes the one with the shorter queue that is below its concurrency. A task that finds none tries again, at
// first at once, then after 25 ms, 50 ms, ... 500 ms. What it finds goes to the OLDEST waiting request of that model, or of any model.
//
// The candidates of each try are as in the code, which waits less than its documentation says. Within the matching timeout (1 to 2 s,
// drawn anew at each try) the first try looks at the replicas that hold or load the model, later tries at those with the fewest models.
// After the timeout one try looks at those with the fewest models, and the next at all. Left out: queue length probes (the router's own count
// is exact with one router) and locality. Loads in progress, which replicas push within 0.1 s in Ray, are the router's own unfinished sends.
import { Baseline, cheapest, holds, isFree, type ReplicaView, type Waiting } from "./baseline.ts";

/** RAY_SERVE_MULTIPLEXED_MODEL_ID_MATCHING_TIMEOUT_S. The timeout is up to twice as long. */
const MATCHING_TIMEOUT_MS = 1000;
/** RAY_SERVE_ROUTER_RETRY_INITIAL_BACKOFF_S, _BACKOFF_MULTIPLIER and _MAX_BACKOFF_S. */
const BACKOFF = { firstMs: 25, factor: 2, mostMs: 500 };
const TASKS = { most: 50, perReplica: 2 };

interface Task {
  /** Undefined: the task looks for any replica for any request. */
  request: Waiting | undefined;
  /** Tries for this request that failed. */
  failures: number;
  dueMs: number;
}

interface Matching {
  readonly startedMs: number;
  triedHolders: boolean;
  triedFewest: boolean;
}

export class RayServe extends Baseline {
  readonly #tasks = new Set<Task>();
  /** Requests that a task has taken. */
  readonly #taken = new WeakSet<Waiting>();
  readonly #matchings = new WeakMap<Waiting, Matching>();
  /** Models that a request is being placed for although no replica holds them. Other requests of the same model skip one try. */
  readonly #beingPlaced = new Set<string>();

  protected dispatch(nowMs: number): void {
    while (this.#tasks.size < this.#tasksWanted()) this.#tasks.add({ request: this.#take(), failures: 0, dueMs: nowMs });
    for (const task of this.#tasks) if (task.dueMs <= nowMs) this.#run(task, nowMs);
  }

  override nextEventMs(): number {
    return Math.min(Infinity, ...[...this.#tasks].map(({ dueMs }) => dueMs));
  }

  #tasksWanted(): number {
    return Math.min(this.line.length, TASKS.perReplica * this.options.replicas, TASKS.most);
  }

  /** The next request that no task has taken. */
  #take(): Waiting | undefined {
    const next = this.line.find((waiting) => !this.#taken.has(waiting));
    if (next !== undefined) this.#taken.add(next);
    return next;
  }

  /** Runs a task until it sleeps or ends. */
  #run(task: Task, nowMs: number): void {
    while (this.#tasks.size <= this.#tasksWanted()) {
      const pair = twoOf(this.#candidatesFor(task.request, nowMs), this.options.random);
      const replica = cheapest(pair.filter(isFree), ({ outstanding }) => outstanding);
      if (replica !== undefined) {
        const hint = task.request?.hint;
        const oldest = this.line.find((waiting) => waiting.hint === hint) ?? this.line[0];
        if (oldest !== undefined) {
          // If the request comes back, a task takes it again.
          this.#taken.delete(oldest);
          this.send(oldest, replica);
        }
        Object.assign(task, { request: this.#take(), failures: 0 });
      } else if (++task.failures > 1) {
        task.dueMs = nowMs + Math.min(BACKOFF.firstMs * BACKOFF.factor ** (task.failures - 2), BACKOFF.mostMs);
        return;
      }
    }
    this.#tasks.delete(task);
  }

  #candidatesFor(request: Waiting | undefined, nowMs: number): ReplicaView[] {
    const live = this.live(nowMs);
    if (request === undefined) return live;
    const matching = this.#matchings.get(request) ?? { startedMs: nowMs, triedHolders: false, triedFewest: false };
    this.#matchings.set(request, matching);
    if (nowMs - matching.startedMs < MATCHING_TIMEOUT_MS * (1 + this.options.random())) {
      const holders = live.filter((replica) => holds(replica, request.hint));
      const place = matching.triedHolders || (holders.length === 0 && !this.#beingPlaced.has(request.hint));
      matching.triedHolders = true;
      if (place) this.#beingPlaced.add(request.hint);
      else if (holders.length > 0) this.#beingPlaced.delete(request.hint);
      return place ? withFewestModels(live) : holders;
    }
    if (matching.triedFewest) return live;
    matching.triedFewest = true;
    return withFewestModels(live);
  }
}

function withFewestModels(replicas: readonly ReplicaView[]): ReplicaView[] {
  const models = replicas.map(modelsHeld);
  const fewest = Math.min(...models);
  return replicas.filter((_, index) => models[index] === fewest);
}

/** Models that the replica holds or will hold. A model that is sent cold takes the place of another, which the list still names. */
function modelsHeld({ hints, inUse, hintSlots, longestList }: ReplicaView): number {
  const held = new Set([...hints, ...inUse.keys()]).size;
  return Math.min(held, hintSlots ?? longestList);
}

/** At most two different items at random, in random order. */
function twoOf<T>(items: readonly T[], random: () => number): T[] {
  if (items.length < 2) return [...items];
  const first = Math.floor(random() * items.length);
  const second = (first + 1 + Math.floor(random() * (items.length - 1))) % items.length;
  return [...items.slice(first, first + 1), ...items.slice(second, second + 1)];
}
