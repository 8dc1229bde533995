// The queue of one fleet. The requests that wait stand in classes: those of a class want the same, and are served in order of arrival. Which class is
// next is a policy's choice. The queue is bounded by QUEUE_LENGTH_MAX, and every request has a deadline.

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
  /** When the request arrived at the router, even if it asks again after a restart of the object. Gives its place in the order. */
  readonly arrivedAtMs: number;
  readonly deadlineMs: number;
  /** The longest queue that the client would join; null: any that the router allows. */
  readonly queueLengthMax: number | null;
  /** What the client says that serving the request costs, ms; null: the client does not say. */
  readonly declaredMs: number | null;
  readonly priority: Priority;
}

/** A request in the queue. */
export interface Waiting extends Arrival {
  readonly id: number;
  /** The number of its arrival, by which it counts as demand; null: it is a retry. */
  readonly countedAt: number | null;
  /** What was expected when the request came: how long it would hold a slot if warm, and how long a load of its first hint takes. */
  readonly expectedMs: number;
  readonly loadMs: number;
}

/** Requests that want the same hints, may go to the same replicas, are equally urgent and cost about the same. */
export interface RequestClass extends Wanted {
  /** Oldest first. The queue knows no class without requests. */
  readonly waiting: Waiting[];
}

export class Queue {
  readonly waiting = new Map<number, Waiting>();
  readonly classes = new Map<string, RequestClass>();
  /** Requests that have failed on some replica and may not go there again. */
  readonly avoiding = new Map<number, Waiting>();
  /** The number of waiting requests of each priority. */
  readonly count: Record<Priority, number> = { high: 0, normal: 0, low: 0 };
  /** The time that serving all requests but those of low priority is expected to take if all are warm. */
  workMs = 0;
  /** The same of requests of low priority. */
  lowWorkMs = 0;
  /** No deadline is before that; a lower bound. */
  nextDeadlineMs = Infinity;
}

/** Puts a request in its place by arrival, which is nearly always the last of its class. Gives the class. O(class) at worst. */
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
  if (priority === "low") queue.lowWorkMs += request.expectedMs;
  else queue.workMs += request.expectedMs;
  queue.nextDeadlineMs = Math.min(queue.nextDeadlineMs, request.deadlineMs);
  return its;
}

/** The class of a request that waits; undefined: the request does not wait. O(1). */
export function classOf({ classes }: Queue, request: Waiting): RequestClass | undefined {
  return classes.get(keyOf(request));
}

/** Takes a request out. Says whether the request was in the queue. O(class). */
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
  if (request.priority === "low") queue.lowWorkMs -= request.expectedMs;
  else queue.workMs -= request.expectedMs;
  // Sums of fractions drift, so an empty queue sets the work to nothing.
  if (queue.count.low === 0) queue.lowWorkMs = 0;
  if (queue.waiting.size === queue.count.low) queue.workMs = 0;
  return true;
}

/** The requests whose deadline has passed, told only once: the caller must take them out. O(1) before the first deadline, else O(n). */
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

/** The name of a request's class. No hint holds a comma. Declared costs within a factor of two share a class. */
function keyOf({ hints, avoid, declaredMs, priority }: Waiting): string {
  const cost = declaredMs === null ? "" : String(Math.floor(Math.log2(declaredMs)));
  return `${hints.join(",")}\n${cost}\n${priority}\n${avoid.join("\n")}`;
}
