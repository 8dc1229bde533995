// Requests that arrive as a Poisson process, whatever became of those before.
import { Agent, request as httpRequest } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { poisson, zipf } from "../../live/load.ts";
import { at, counted } from "../../report.ts";
import { seeded } from "../../simulate/random.ts";
import type { Arrivals, Seen } from "../rate.ts";
import { serve } from "./child.ts";

const PATIENCE_MS = 30_000;
const ZIPF_EXPONENT = 1;
/** The first connections are made before the measurement would notice. */
const BEGIN_AFTER_MS = 100;

interface Came {
  /** Of a success its reason, else its status; or that there was none. */
  readonly outcome: string;
  readonly ok: boolean;
  readonly addedMs: number;
  /** As the router says. */
  readonly queuedMs: number;
}

await serve(async ({ url, rate, seconds, hints, seed }: Arrivals): Promise<Seen> => {
  const random = seeded(seed);
  const draw = zipf(hints, ZIPF_EXPONENT, random);
  const plan = [...poisson(random, rate, 0, seconds * 1000)].map((atMs) => ({ atMs, hint: draw() }));
  const agent = new Agent({ keepAlive: true });
  const { hostname: host, port, pathname: path } = new URL(url);
  const send = (hint: string) =>
    new Promise<Came>((resolve) => {
      const sentMs = performance.now();
      const failed = () => resolve({ outcome: "no answer", ok: false, addedMs: 0, queuedMs: 0 });
      const headers = { "x-fal-runner-hint": hint };
      const outgoing = httpRequest({ host, port, path, agent, headers, timeout: PATIENCE_MS }, (response) => {
        response
          .resume()
          .on("error", failed)
          .on("end", () => {
            const { "x-warmpath-reason": reason, "x-held-ms": held, "server-timing": timing } = response.headers;
            const ok = response.statusCode === 200;
            const outcome = ok ? String(reason) : String(response.statusCode);
            const queuedMs = Number(/queue;dur=([\d.]+)/.exec(String(timing))?.[1] ?? 0);
            resolve({ outcome, ok, queuedMs, addedMs: performance.now() - sentMs - Number(held) });
          });
      });
      outgoing
        .on("timeout", () => outgoing.destroy())
        .on("error", failed)
        .end();
    });
  const startMs = performance.now() + BEGIN_AFTER_MS;
  const late: number[] = [];
  const open: Promise<Came>[] = [];
  for (const { atMs, hint } of plan) {
    const aheadMs = startMs + atMs - performance.now();
    if (aheadMs >= 1) await sleep(aheadMs);
    late.push(Math.max(0, performance.now() - startMs - atMs));
    open.push(send(hint));
  }
  const came = await Promise.all(open);
  const answered = came.filter(({ ok }) => ok);
  const rising = (values: number[]) => values.sort((a, b) => a - b);
  const queued = rising(answered.map(({ queuedMs }) => queuedMs));
  const added = rising(answered.map(({ addedMs }) => addedMs));
  return {
    ...{ sent: came.length, answered: answered.length, failed: came.length - answered.length },
    outcomes: counted(came.map(({ outcome }) => outcome)),
    fallbacks: answered.filter(({ outcome }) => outcome === "snapshot_hash").length,
    ...{ added_p50_ms: at(added, 0.5), added_p99_ms: at(added, 0.99), queued_p99_ms: at(queued, 0.99) },
    late_p99_ms: at(rising(late), 0.99),
  };
});
