// The requests that wait in this isolate because their app's object is out of reach and every replica of its snapshot is full.
import { BOUNDS } from "../limits.ts";
import type { Refusal } from "../routing/refusals.ts";
import type { Exchange } from "./exchange.ts";
import { LruMap } from "./lru.ts";
import { keepAlive, Room } from "./room.ts";

/** By app. Only apps with a snapshot have any, so no more are kept than those. */
const waiting = new LruMap<Room>(BOUNDS.snapshotApps);

/** A place among those that wait here, until it is disposed or its request is no more; or why there is none. */
export function waitHere({ client, settings }: Exchange): Disposable | Refusal {
  const now = Date.now();
  const room = waiting.get(client.app) ?? new Room(settings.QUEUE_LENGTH_MAX, BOUNDS.leaseMs);
  const ahead = room.taken(now);
  const share = ahead < (client.queueLengthMax ?? Infinity) ? room.take(1, now) : null;
  if (share === null)
    return { kind: "queue_full", retryAfterMs: BOUNDS.snapshotLookMostMs, detail: `${ahead} requests are waiting` };
  waiting.set(client.app, room);
  return { [Symbol.dispose]: keepAlive(room, share) };
}
