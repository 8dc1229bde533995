// Tells the object which hints a client will ask for soon. The request does not wait for that, and its answer does not depend on it.
import { BOUNDS } from "../limits.ts";
import type { Exchange } from "./exchange.ts";
import { objectOf } from "./fleet-stub.ts";
import { LruMap } from "./lru.ts";

/** By app and hint: when this isolate last told the object. */
const toldAtMs = new LruMap<number>(BOUNDS.announcedHints);

/** Never fails: an announcement that is lost costs a load. What was told a moment ago is not told again, so that a header on each request costs few calls. */
export async function announce(exchange: Exchange): Promise<void> {
  const { arrivedAtMs } = exchange;
  const { app, prewarm } = exchange.client;
  const keyOf = (hint: string) => `${app}\n${hint}`;
  const news = prewarm.filter((hint) => arrivedAtMs - (toldAtMs.get(keyOf(hint)) ?? -Infinity) >= BOUNDS.announcedAgainMs);
  if (news.length === 0) return;
  for (const hint of news) toldAtMs.set(keyOf(hint), arrivedAtMs);
  try {
    await objectOf(exchange).prewarm(news);
  } catch (error) {
    for (const hint of news) toldAtMs.delete(keyOf(hint));
    console.warn(JSON.stringify({ message: "an announcement was lost", app, error: String(error) }));
  }
}
