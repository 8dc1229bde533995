// Which apps' objects this isolate could not reach of late, and which waiting request asks such an object again.
import { BOUNDS } from "../limits.ts";
import { LruMap } from "./lru.ts";

/** By app: when its object last did not answer this isolate. */
const unreachedAtMs = new LruMap<number>(BOUNDS.snapshotApps);

/** Whether a waiting request asks the object again. One does at a time: all together would keep an overloaded object from recovering. */
export function mayAskAgain(app: string, now: number): boolean {
  if (now - (unreachedAtMs.get(app) ?? -Infinity) < BOUNDS.snapshotAskMs) return false;
  unreachedAtMs.set(app, now);
  return true;
}

/** Notes whether the object answered. If it did, every request that waits here may ask it. */
export function noteReach(app: string, reached: boolean, now: number): void {
  if (reached) unreachedAtMs.delete(app);
  else unreachedAtMs.set(app, now);
}
