// The queue of one fleet: requests that wait, in classes of those that want the same and may be served in turn. A class keeps the order of arrival.
// Which class is next is a policy's choice. Bounded by QUEUE_LENGTH_MAX; every request has a deadline.
/** How urgent its client says that a request is. */
export type Priority = "high" | "normal" | "low";

/** What a decision needs to know of any request. */
export interface Wanted {
  /** Most preferred first. */
  readonly hints: readonly string[];
  /** Replicas that already failed this request. */
  readonly avoid: readonly string[];
}

/** A request as it comes to the scheduler. Times are by the object's clock. */
export interface Arrival extends Wanted {
  /** Arrival at the router, also if the request asks again after a restart of the object: its place in the order. */
  readonly arrivedAtMs: number;
  readonly deadlineMs: number;
  /** The longest queue the client would join; null: any the router allows. */
  readonly queueLengthMax: number | null;
  /** What the client says serving the request costs, ms; null: nothing. */
  readonly declaredMs: number | null;
  readonly priority: Priority;
}

/** A request in the queue. */
export interface Waiting extends Arrival {
  readonly id: number;
  /** The number of its arrival; null: it is a retry. */
  readonly countedAt: number | null;
  /** How long the request was expected to hold a slot when it came, and its first hint to load. */
  readonly expectedMs: number;
  readonly loadMs: number;
}

/** Requests that want the same hints, may go to the same replicas, are equally urgent and cost about the same. */
export interface RequestClass extends Wanted {
  /** Oldest first; never empty while the queue knows the class. */
  readonly waiting: Waiting[];
}

export interface Queue {
  readonly waiting: Map<number, Waiting>;
  readonly classes: Map<string, RequestClass>;
  /** Requests that may not go everywhere. */
  readonly avoiding: Map<number, Waiting>;
  /** How many of each priority. */
  readonly count: Record<Priority, number>;
  /** Time that serving all but those of low priority is expected to take, were all warm. */
  workMs: number;
  /** No deadline is before; a lower bound. */
  nextDeadlineMs: number;
}

export function createQueue(): Queue {
  return {
    waiting: new Map(),
    classes: new Map(),
    avoiding: new Map(),
    count: { high: 0, normal: 0, low: 0 },
    workMs: 0,
    nextDeadlineMs: Infinity,
  };
}

/** Puts a request in its place by arrival, nearly always the last of its class. Gives the class. O(class) at worst. */
export function join(queue: Queue, request: Waiting): RequestClass {
  const { hints, avoid, priority } = request;
  const key = keyOf(request);
  let its = queue.classes.get(key);
  if (its === undefined) {
    its = { hints, avoid, waiting: [] };
    queue.classes.set(key, its);
  }
  let place = its.waiting.length;
  while (place > 0 && (its.waiting[place - 1]?.arrivedAtMs ?? -Infinity) > request.arrivedAtMs) place--;
  its.waiting.splice(place, 0, request);
  queue.waiting.set(request.id, request);
  if (avoid.length > 0) queue.avoiding.set(request.id, request);
  queue.count[priority]++;
  if (priority !== "low") queue.workMs += request.expectedMs;
  queue.nextDeadlineMs = Math.min(queue.nextDeadlineMs, request.deadlineMs);
  return its;
}

/** Takes a request out. Says whether it was there. O(class). */
export function leave(queue: Queue, id: number): boolean {
  const request = queue.waiting.get(id);
  if (request === undefined) return false;
  queue.waiting.delete(id);
  queue.avoiding.delete(id);
  const key = keyOf(request);
  const its = queue.classes.get(key);
  its?.waiting.splice(its.waiting.indexOf(request), 1);
  if (its?.waiting.length === 0) queue.classes.delete(key);
  queue.count[request.priority]--;
  // Sums of fractions drift, so an empty queue sets the work to nothing.
  if (queue.waiting.size === queue.count.low) queue.workMs = 0;
  else if (request.priority !== "low") queue.workMs -= request.expectedMs;
  return true;
}

/** The requests whose deadline has passed, told once: whoever asks must take them out. O(1) before the first deadline, else O(n). */
export function overdue(queue: Queue, now: number): readonly Waiting[] {
  if (queue.nextDeadlineMs > now) return [];
  const late: Waiting[] = [];
  queue.nextDeadlineMs = Infinity;
  for (const request of queue.waiting.values()) {
    if (request.deadlineMs <= now) late.push(request);
    else queue.nextDeadlineMs = Math.min(queue.nextDeadlineMs, request.deadlineMs);
  }
  return late;
}

/** No hint holds a comma. Declared costs share a class within a factor of two. */
function keyOf({ hints, avoid, declaredMs, priority }: Waiting): string {
  const cost = declaredMs === null ? "" : String(Math.floor(Math.log2(declaredMs)));
  return `${hints.join(",")}\n${cost}\n${priority}\n${avoid.join("\n")}`;
}
