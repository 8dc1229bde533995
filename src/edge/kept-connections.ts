// How many connections to each origin the runtime may have kept idle. A server that closes an idle connection just as a request comes breaks that
// request off, and the next one may meet another such connection: the runtime takes the one that was used last. So a break is the replica's doing
// only on a connection that was made for the request. The runtime does not say which it takes, so they are counted here, for this isolate.
import { LIMITS } from "../routing/limits.ts";
import { LruMap } from "./lru.ts";

/** When each was last used, the latest last. */
const keptAtMs = new LruMap<number[]>(LIMITS.keptOrigins);

/** An answer of the origin has come whole: its connection may be kept. O(1). */
export function noteKept(origin: string, now: number): void {
  const its = keptAtMs.get(origin) ?? [];
  its.push(now);
  if (its.length > LIMITS.keptConnections) its.shift();
  keptAtMs.set(origin, its);
}

/** A request is sent. Says whether it may go by a connection that was kept. O(1). */
export function takeKept(origin: string, now: number): boolean {
  const its = keptAtMs.get(origin);
  const lastMs = its?.pop();
  if (lastMs === undefined) return false;
  if (now - lastMs < LIMITS.keptConnectionMs) return true;
  keptAtMs.delete(origin);
  return false;
}
