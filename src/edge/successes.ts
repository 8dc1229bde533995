// Requests of this isolate that went well and of which their objects have not heard yet. Such news waits for the isolate's next request for the app, so
// that a busy isolate makes one call a request. Plain data. If the isolate ends first the news is lost, and with it a sample for the object's means.
import { BOUNDS } from "../limits.ts";
import { LruMap } from "./lru.ts";

interface News {
  /** Requests that this isolate has enqueued so far. */
  enqueued: number;
  /** When the last of them was. */
  enqueuedAtMs: number;
  /** Three numbers for each request: its id, the time until its headers and until its end, ms. */
  waiting: number[];
}

const apps = new LruMap<News>(BOUNDS.knownApps);

/** A request is enqueued: the news that goes with it. O(1). */
export function takeSuccesses(app: string, now: number): readonly number[] {
  const news = apps.get(app);
  if (news === undefined) {
    apps.set(app, { enqueued: 1, enqueuedAtMs: now, waiting: [] });
    return [];
  }
  news.enqueued++;
  news.enqueuedAtMs = now;
  const { waiting } = news;
  news.waiting = [];
  return waiting;
}

/** How many requests for the app this isolate has enqueued. */
export function enqueuedSoFar(app: string): number {
  return apps.get(app)?.enqueued ?? 0;
}

/**
 * Keeps the news of a success for the next request, if another was enqueued a moment ago, and after the first so many: then a next one is likely near.
 * False: the news must be told now. O(1).
 */
export function keepSuccess(
  app: string,
  enqueuedBefore: number,
  success: readonly [number, number, number],
  now: number,
): boolean {
  const news = apps.get(app);
  if (news === undefined || news.enqueued <= enqueuedBefore || now - news.enqueuedAtMs > BOUNDS.nextRequestMs) return false;
  if (news.waiting.length >= 3 * BOUNDS.successesKept) return false;
  news.waiting.push(...success);
  return true;
}
