// Tells the object which hints a client will ask for soon. The request does not wait for that, and its answer does not depend on it.
import type { Exchange } from "./exchange.ts";
import { objectOf } from "./fleet-stub.ts";

/** Never fails: an announcement that is lost costs a load. */
export async function announce(exchange: Exchange): Promise<void> {
  const { app, prewarm } = exchange.client;
  try {
    await objectOf(exchange).prewarm([...prewarm]);
  } catch (error) {
    console.warn(JSON.stringify({ message: "an announcement was lost", app, error: String(error) }));
  }
}
