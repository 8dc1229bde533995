// The list of models while the app's object is out of reach: as this isolate last knew it, and never older than a snapshot may be.
import { afterAll, beforeAll, expect, test } from "vitest";
import { LiveRouter } from "../../bench/live/router.ts";
import { bundle } from "../../scripts/bundle.ts";
import { BOUNDS } from "../../src/limits.ts";
import { TestReplica } from "../support/replica.ts";
import { until } from "../support/until.ts";

const OUTAGE_MS = 60_000;
const MAX_AGE_MS = 2500;

let router: LiveRouter;
let replica: TestReplica;
beforeAll(async () => {
  const settings = {
    MODELS_ENDPOINT: "openai",
    ALLOW_PRIVATE_ORIGINS: "true",
    HEARTBEAT_INTERVAL_MS: "60000",
    SNAPSHOT_MAX_AGE_MS: String(MAX_AGE_MS),
  };
  router = await LiveRouter.start({ name: "models", settings, bundle: bundle({ name: "chaos", folder: "bench/chaos/worker" }) });
  replica = await TestReplica.start();
});
afterAll(async () => {
  await replica[Symbol.asyncDispose]();
  await router[Symbol.asyncDispose]();
});

async function joined(app: string, hints: readonly string[]): Promise<void> {
  const headers = { authorization: `Bearer ${router.token}` };
  const body = JSON.stringify({ app, replica: "r", origin: replica.origin, hints });
  expect((await fetch(`${router.url}/-/heartbeat`, { method: "POST", headers, body })).status).toBe(200);
}

const list = (app: string) => fetch(`${router.url}/${app}/v1/models`);
const idsOf = async (reply: Response) => ((await reply.json()) as { data: { id: string }[] }).data.map(({ id }) => id);
const turn = (app: string, what: string, ms: number) =>
  fetch(`${router.url}/__chaos/${app}/${what}?ms=${ms}`, { method: "POST" });

test("a list that was given before is given again while the object fails, for as long as a snapshot may", async () => {
  await joined("listed", ["a", "b"]);
  const listedAtMs = Date.now();
  expect(await idsOf(await list("listed"))).toEqual(["a", "b"]);
  await turn("listed", "throwing", OUTAGE_MS);
  await until("the list is old enough to be asked for", () => Date.now() - listedAtMs > BOUNDS.modelsAgeMs);
  expect(await idsOf(await list("listed"))).toEqual(["a", "b"]);
  await until("the list is too old", async () => (await list("listed")).status === 503);
  expect(Date.now() - listedAtMs).toBeGreaterThan(MAX_AGE_MS);
  const refused = await list("listed");
  expect([refused.headers.get("x-fal-error-type"), refused.headers.get("retry-after")]).toEqual([
    "runner_scheduling_failure",
    "1",
  ]);
  await turn("listed", "throwing", 0);
  await until("the object is asked again", async () => (await list("listed")).status === 200);
});

test("and while it stalls", async () => {
  await joined("stalled", ["a"]);
  const listedAtMs = Date.now();
  expect(await idsOf(await list("stalled"))).toEqual(["a"]);
  const over = turn("stalled", "stalled", 2 * BOUNDS.modelsMs);
  await until("the list is old enough to be asked for", () => Date.now() - listedAtMs > BOUNDS.modelsAgeMs);
  expect(await idsOf(await list("stalled"))).toEqual(["a"]);
  await over;
});

test("without a list of before it is made of the isolate's copy of the fleet", async () => {
  await joined("copied", ["c"]);
  await fetch(`${router.url}/copied/x`);
  await turn("copied", "throwing", OUTAGE_MS);
  // The copy is fetched in the background of the first request.
  let found: string[] = [];
  await until("the copy is there", async () => {
    const reply = await list("copied");
    found = reply.ok ? await idsOf(reply) : [];
    return reply.ok;
  });
  expect(found).toEqual(["c"]);
});

test("a list is at most a moment old", async () => {
  await joined("moving", ["a"]);
  expect(await idsOf(await list("moving"))).toEqual(["a"]);
  await joined("moving", ["b"]);
  await until("the new list is given", async () => (await idsOf(await list("moving"))).join() === "b", 3 * BOUNDS.modelsAgeMs);
});
