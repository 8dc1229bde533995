// Load by autocannon. It knows latencies to the millisecond.
import autocannon from "autocannon";
import type { Load, Loaded } from "../load.ts";
import { serve } from "./child.ts";

await serve(async ({ url, method, headers, bodies, connections, seconds }: Load): Promise<Loaded> => {
  let sent = 0;
  const next = (request: autocannon.Request) => ({ ...request, body: bodies[sent++ % bodies.length] ?? "" });
  const { requests, latency, errors, timeouts, non2xx, duration } = await autocannon({
    ...{ url, method, connections, duration: seconds, timeout: 30, headers: { ...headers } },
    ...(bodies.length === 0 ? {} : { requests: [{ setupRequest: next }] }),
  });
  return {
    requests: requests.total,
    tookS: duration,
    p50Ms: latency.p50,
    p99Ms: latency.p99,
    failed: errors + timeouts + non2xx,
  };
});
