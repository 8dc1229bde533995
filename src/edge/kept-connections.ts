// How many connections to each origin the runtime may have kept idle. A server that closes an idle connection just as a request comes breaks that
// request off, and the next one may meet another such connection: the runtime takes the one that was used last. So a break is the replica's doing
// only on a connection that was made for the request. The runtime does not say which it takes, so they are counted here, for this isolate.
import { BOUNDS } from "../limits.ts";
import { LruMap } from "./lru.ts";

interface Its {
  /** When each was last used, the latest last. */
  readonly keptAtMs: number[];
  /** When the last answer came whole. */
  notedMs: number;
}

const origins = new LruMap<Its>(BOUNDS.keptOrigins);

/** An answer of the origin has come whole: its connection may be kept. O(1). */
export function noteKept(origin: string, now: number): void {
  const its = origins.get(origin) ?? { keptAtMs: [], notedMs: now };
  its.keptAtMs.push(now);
  if (its.keptAtMs.length > BOUNDS.keptConnections) its.keptAtMs.shift();
  its.notedMs = now;
  origins.set(origin, its);
}

/**
 * Whether an answer came whole at or after that time. The runtime keeps its connection a moment before that is known here: a request that was sent
 * in that moment may have gone by it. O(1).
 */
export function isKeptSince(origin: string, sinceMs: number): boolean {
  return (origins.get(origin)?.notedMs ?? -Infinity) >= sinceMs;
}

/** A request is sent. Says whether it may go by a connection that was kept. O(1). */
export function takeKept(origin: string, now: number): boolean {
  const its = origins.get(origin);
  const lastMs = its?.keptAtMs.pop();
  if (lastMs === undefined) return false;
  if (now - lastMs < BOUNDS.keptConnectionMs) return true;
  origins.delete(origin);
  return false;
}
