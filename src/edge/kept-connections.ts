// How many idle connections to each origin the runtime may have kept. A server that closes an idle connection just as a request comes breaks that request
// off, and the next request may meet another such connection: the runtime takes the connection that was used last. So a break is the replica's failure
// only on a connection that was made for the request. The runtime does not say which connection it takes, so this isolate counts them.
import { BOUNDS } from "../limits.ts";
import { LruMap } from "./lru.ts";

interface Kept {
  /** When each kept connection was last used, the latest last. */
  readonly keptAtMs: number[];
  /** When the last answer came whole. */
  notedMs: number;
}

const origins = new LruMap<Kept>(BOUNDS.keptOrigins);

/** An answer of the origin has come whole, so its connection may be kept. O(1). */
export function noteKept(origin: string, now: number): void {
  const kept = origins.get(origin) ?? { keptAtMs: [], notedMs: now };
  kept.keptAtMs.push(now);
  if (kept.keptAtMs.length > BOUNDS.keptConnections) kept.keptAtMs.shift();
  kept.notedMs = now;
  origins.set(origin, kept);
}

/**
 * Whether an answer came whole at or after that time. The runtime keeps a connection a moment before this isolate knows of it, and a request that was
 * sent in that moment may have gone by it. O(1).
 */
export function isKeptSince(origin: string, sinceMs: number): boolean {
  return (origins.get(origin)?.notedMs ?? -Infinity) >= sinceMs;
}

/** A request is sent. True: it may go by a connection that was kept. O(1). */
export function takeKept(origin: string, now: number): boolean {
  const lastMs = origins.get(origin)?.keptAtMs.pop();
  if (lastMs === undefined) return false;
  if (now - lastMs < BOUNDS.keptConnectionMs) return true;
  origins.delete(origin);
  return false;
}
