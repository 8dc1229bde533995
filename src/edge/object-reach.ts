// Which apps' objects this isolate could not reach of late, and which of the requests that wait for one asks it again.
import { BOUNDS } from "../limits.ts";
import { LruMap } from "./lru.ts";

/** When this isolate last asked each app's object in vain. */
const unreachedAtMs = new LruMap<number>(BOUNDS.snapshotApps);

/** Whether a request that waits here asks the object again: one at a time, or all that wait would keep an overloaded one from recovering. */
export function mayAskAgain(app: string, now: number): boolean {
  if (now - (unreachedAtMs.get(app) ?? -Infinity) < BOUNDS.snapshotAskMs) return false;
  unreachedAtMs.set(app, now);
  return true;
}

/** The object has answered, so that all who wait here may ask it; or it has not. */
export function noteReach(app: string, reached: boolean, now: number): void {
  if (reached) unreachedAtMs.delete(app);
  else unreachedAtMs.set(app, now);
}
