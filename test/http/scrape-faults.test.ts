// A scrape while objects are out of reach: an app that does not answer costs the others nothing.
import { afterAll, beforeAll, expect, test } from "vitest";
import { LiveRouter } from "../../bench/live/router.ts";
import { bundle } from "../../scripts/bundle.ts";
import { BOUNDS } from "../../src/limits.ts";
import { readOpenMetrics, valueIn } from "../support/openmetrics.ts";

const METRICS_TOKEN = "metrics-token";
let router: LiveRouter;

beforeAll(async () => {
  router = await LiveRouter.start({
    name: "scrape-faults",
    settings: { ALLOW_PRIVATE_ORIGINS: "true", HEARTBEAT_INTERVAL_MS: "60000", METRICS_TOKEN },
    bundle: bundle({ name: "chaos", folder: "bench/chaos/worker" }),
  });
  for (const app of ["well", "stalled", "throwing"]) {
    const beat = { app, replica: "r", origin: "http://127.0.0.1:9" };
    const headers = { authorization: `Bearer ${router.token}` };
    const reply = await fetch(`${router.url}/-/heartbeat`, { method: "POST", headers, body: JSON.stringify(beat) });
    expect(reply.status).toBe(200);
  }
});
afterAll(() => router[Symbol.asyncDispose]());

const scrape = () => fetch(`${router.url}/-/metrics`, { headers: { authorization: `Bearer ${METRICS_TOKEN}` } });
const switched = (target: string, fault: string, ms: number) =>
  fetch(`${router.url}/__chaos/${target}/${fault}?ms=${ms}`, { method: "POST" });

test("apps whose objects stall or fail are named, and the others' metrics come in time", async () => {
  await switched("throwing", "throwing", 60_000);
  const stall = switched("stalled", "stalled", 2 * BOUNDS.scrapeAppMs);
  const start = Date.now();
  let families = readOpenMetrics("# EOF\n");
  do families = readOpenMetrics(await (await scrape()).text());
  while (valueIn(families, "warmpath_scrape_errors", { app: "stalled" }) === 0 && Date.now() - start < BOUNDS.scrapeAppMs);
  expect(Date.now() - start).toBeLessThan(2 * BOUNDS.scrapeAppMs);
  const errors = ["well", "stalled", "throwing"].map((app) => valueIn(families, "warmpath_scrape_errors", { app }));
  expect(errors).toEqual([0, 1, 1]);
  expect(valueIn(families, "warmpath_replicas", { app: "well", state: "ready" })).toBe(1);
  const apps = families.get("warmpath_replicas")?.samples.map(({ labels }) => labels["app"]);
  expect(new Set(apps)).toEqual(new Set(["well"]));
  await stall;
});

test("without the Directory there is no scrape", async () => {
  await switched("-", "throwing", 60_000);
  const reply = await scrape();
  expect([reply.status, reply.headers.get("x-fal-error-type")]).toEqual([500, "internal_error"]);
});
