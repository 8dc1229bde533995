// Which apps' objects this isolate could not reach of late, which waiting request asks such an object again, and the log's two lines of each such time.
import { BOUNDS } from "../limits.ts";
import { LruMap } from "./lru.ts";

/** A time in which the object did not answer this isolate. While it answers now and then, that is one such time. */
interface Outage {
  readonly sinceMs: number;
  /** When it last did not answer, and the number of times. */
  lastMs: number;
  failures: number;
  /** When it has answered first after that; null: it has not. */
  answeredAtMs: number | null;
}

const outages = new LruMap<Outage>(BOUNDS.snapshotApps);
/** By app: when a waiting request last asked an object that had not answered. */
const askedAtMs = new LruMap<number>(BOUNDS.snapshotApps);

/** Whether a waiting request asks the object again. One does at a time: all together would keep an overloaded object from recovering. */
export function mayAskAgain(app: string, now: number): boolean {
  if (now - (askedAtMs.get(app) ?? -Infinity) < BOUNDS.snapshotAskMs) return false;
  askedAtMs.set(app, now);
  return true;
}

/** Notes whether the object answered. If it did, every request that waits here may ask it. */
export function noteReach(app: string, reached: boolean, now: number): void {
  if (!reached) {
    askedAtMs.set(app, now);
    return noteFailure(app, now);
  }
  askedAtMs.delete(app);
  const outage = outages.get(app);
  if (outage === undefined) return;
  outage.answeredAtMs ??= now;
  if (now - outage.lastMs < BOUNDS.outageEndMs) return;
  outages.delete(app);
  const { sinceMs, failures, answeredAtMs } = outage;
  console.log(JSON.stringify({ message: "the fleet is in reach again", app, afterMs: answeredAtMs - sinceMs, failures }));
}

function noteFailure(app: string, now: number): void {
  const outage = outages.get(app);
  if (outage !== undefined) {
    Object.assign(outage, { lastMs: now, failures: outage.failures + 1, answeredAtMs: null });
    return;
  }
  outages.set(app, { sinceMs: now, lastMs: now, failures: 1, answeredAtMs: null });
  console.warn(JSON.stringify({ message: "the fleet is out of reach; requests go by the last snapshot", app }));
}
