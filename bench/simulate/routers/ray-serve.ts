// Ray Serve's model multiplexing (ray-project/ray, python/ray/serve/_private/request_router/: request_router.py and pow_2_router.py,
// at 0048e228). Up to two routing tasks a replica, 50 in all, each take the next request and look for a replica for its model: of the
// candidates two at random, of those the one with the shorter queue that is below its concurrency; a task that finds none tries again,
// the first time at once, then after 25 ms, 50 ms, ... 500 ms. What it finds goes to the OLDEST waiting request of that model, or of any.
//
// The candidates of each try are as in the code, which waits less than its documentation says: within the matching timeout (1 to 2 s,
// drawn anew at each try) the replicas that hold or load the model at the FIRST try only, and those with the fewest models after that;
// past the timeout once those with the fewest models, then all. Left out: queue length probes (the router's own count is exact with one
// router) and locality. Loads in progress, which replicas push within 0.1 s there, are the router's own unfinished sends here.
import type { MakeRouter } from "../router.ts";
import { cheapest, hintsHeld, holds, isFree, withPolicy, type ReplicaView, type Waiting } from "./fleet-view.ts";

/** RAY_SERVE_MULTIPLEXED_MODEL_ID_MATCHING_TIMEOUT_S, and up to twice that. */
const MATCHING_TIMEOUT_MS = 1000;
/** RAY_SERVE_ROUTER_RETRY_INITIAL_BACKOFF_S, _BACKOFF_MULTIPLIER and _MAX_BACKOFF_S. */
const BACKOFF_FIRST_MS = 25;
const BACKOFF_FACTOR = 2;
const BACKOFF_MAX_MS = 500;
const TASKS_MAX = 50;
const TASKS_PER_REPLICA = 2;

interface Task {
  /** Undefined: it looks for any replica for any request. */
  request: Waiting | undefined;
  /** Tries for this request that failed. */
  failures: number;
  dueMs: number;
}

interface Matching {
  startedMs: number | null;
  triedHolders: boolean;
  triedFewest: boolean;
}

export const rayServe: MakeRouter = (actions, options) =>
  withPolicy(actions, options, (fleet) => {
    const tasks = new Set<Task>();
    const toRoute: Waiting[] = [];
    const matchings = new WeakMap<Waiting, Matching>();
    /** Models that some request is being placed for although nobody holds them: others of the same model skip one try. */
    const beingPlaced = new Set<string>();
    const tasksWanted = () => Math.min(fleet.line.length, TASKS_PER_REPLICA * options.replicas, TASKS_MAX);

    const candidatesFor = (request: Waiting | undefined, nowMs: number): ReplicaView[] => {
      const live = fleet.live(nowMs);
      if (request === undefined) return live;
      const matching = matchings.get(request) ?? { startedMs: null, triedHolders: false, triedFewest: false };
      matchings.set(request, matching);
      matching.startedMs ??= nowMs;
      if (nowMs - matching.startedMs < MATCHING_TIMEOUT_MS * (1 + options.random())) {
        const holders = live.filter((replica) => holds(replica, request.hint));
        const place = matching.triedHolders || (holders.length === 0 && !beingPlaced.has(request.hint));
        matching.triedHolders = true;
        if (place) beingPlaced.add(request.hint);
        else if (holders.length > 0) beingPlaced.delete(request.hint);
        return place ? withFewestModels(live) : holders;
      }
      if (matching.triedFewest) return live;
      matching.triedFewest = true;
      return withFewestModels(live);
    };

    /** Runs a task until it sleeps or ends. */
    const run = (task: Task, nowMs: number) => {
      while (tasks.size <= tasksWanted()) {
        const pair = twoOf(candidatesFor(task.request, nowMs), options.random);
        const replica = cheapest(pair.filter(isFree), ({ outstanding }) => outstanding);
        if (replica !== undefined) {
          const hint = task.request?.hint;
          const oldest = fleet.line.find((waiting) => waiting.hint === hint) ?? fleet.line[0];
          if (oldest !== undefined) fleet.send(oldest, replica, nowMs);
          task.request = nextToRoute();
          task.failures = 0;
        } else if (++task.failures > 1) {
          task.dueMs = nowMs + Math.min(BACKOFF_FIRST_MS * BACKOFF_FACTOR ** (task.failures - 2), BACKOFF_MAX_MS);
          return;
        }
      }
      tasks.delete(task);
    };

    const nextToRoute = (): Waiting | undefined => {
      let next = toRoute.shift();
      while (next !== undefined && !fleet.isWaiting(next)) next = toRoute.shift();
      return next;
    };

    return {
      arrived: (waiting) => void toRoute.push(waiting),
      returned(waiting) {
        const later = toRoute.findIndex(({ place }) => place > waiting.place);
        toRoute.splice(later < 0 ? toRoute.length : later, 0, waiting);
      },
      dispatch(nowMs) {
        while (tasks.size < tasksWanted()) tasks.add({ request: nextToRoute(), failures: 0, dueMs: nowMs });
        for (const task of tasks) if (task.dueMs <= nowMs) run(task, nowMs);
      },
      nextEventMs() {
        let next = Infinity;
        for (const { dueMs } of tasks) next = Math.min(next, dueMs);
        return next;
      },
    };
  });

function withFewestModels(replicas: readonly ReplicaView[]): ReplicaView[] {
  const models = replicas.map(hintsHeld);
  const fewest = Math.min(...models);
  return replicas.filter((_, index) => models[index] === fewest);
}

/** (At most) two different ones at random, in random order. */
function twoOf<T>(items: readonly T[], random: () => number): T[] {
  if (items.length < 2) return [...items];
  const first = Math.floor(random() * items.length);
  const second = (first + 1 + Math.floor(random() * (items.length - 1))) % items.length;
  return [...items.slice(first, first + 1), ...items.slice(second, second + 1)];
}
