// The requests that wait in this isolate because their app's object is out of reach and every replica of its snapshot is full.
import { BOUNDS } from "../limits.ts";
import type { Refusal } from "../routing/refusals.ts";
import type { Exchange } from "./exchange.ts";
import { keepAlive, LeaseBudget } from "./lease-budget.ts";
import { LruMap } from "./lru.ts";

/** By app. Only apps with a snapshot have a queue here, so there are no more queues than snapshots. */
const queues = new LruMap<LeaseBudget>(BOUNDS.snapshotApps);

/** A place in the queue, until it is disposed or its request is no more; or why the request gets none. */
export function waitHere({ client, settings }: Exchange): Disposable | Refusal {
  const now = Date.now();
  const queue = queues.get(client.app) ?? new LeaseBudget(settings.QUEUE_LENGTH_MAX, BOUNDS.leaseMs);
  const ahead = queue.taken(now);
  const place = ahead < (client.queueLengthMax ?? Infinity) ? queue.take(1, now) : null;
  if (place === null)
    return { kind: "queue_full", retryAfterMs: BOUNDS.snapshotPollMostMs, detail: `${ahead} requests are waiting` };
  queues.set(client.app, queue);
  return { [Symbol.dispose]: keepAlive(queue, place) };
}
