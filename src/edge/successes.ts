// Requests of this isolate that went well and of which their objects have not heard yet. Such news waits for the isolate's next request for the app, so
// that a busy isolate makes one call a request. Plain data. If the isolate ends first the news is lost, and with it a sample for the object's means.
import { BOUNDS } from "../limits.ts";
import { LruMap } from "./lru.ts";

interface News {
  /** Requests that this isolate has enqueued so far. */
  enqueued: number;
  /** Three numbers for each request: its id, the time until its headers and until its end, ms. */
  waiting: number[];
}

const apps = new LruMap<News>(BOUNDS.knownApps);

/** A request is enqueued: the news that goes with it. O(1). */
export function takeSuccesses(app: string): readonly number[] {
  const news = apps.get(app);
  if (news === undefined) {
    apps.set(app, { enqueued: 1, waiting: [] });
    return [];
  }
  news.enqueued++;
  const { waiting } = news;
  news.waiting = [];
  return waiting;
}

/** How many requests for the app this isolate has enqueued. */
export function enqueuedSoFar(app: string): number {
  return apps.get(app)?.enqueued ?? 0;
}

/**
 * Keeps the news of a success for the next request, if another was enqueued since so many had been: then a next one is likely near. False: the news must
 * be told now. O(1).
 */
export function keepSuccess(app: string, enqueuedBefore: number, success: readonly [number, number, number]): boolean {
  const news = apps.get(app);
  if (news === undefined || news.enqueued <= enqueuedBefore || news.waiting.length >= 3 * BOUNDS.successesKept) return false;
  news.waiting.push(...success);
  return true;
}
