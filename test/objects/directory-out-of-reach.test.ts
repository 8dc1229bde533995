// The Directory fails: requests for apps that an isolate knows pass, and so do those for new apps, but not a flood of made-up names.
import { env } from "cloudflare:workers";
import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { beforeEach, expect, inject, test, vi } from "vitest";
import { rememberApp, unknownAppFault } from "../../src/edge/known-apps.ts";
import worker from "../../src/index.ts";
import { BOUNDS } from "../../src/limits.ts";
import { exchangeOf } from "./exchange.ts";

/** Each failure is logged. */
beforeEach(() => void vi.spyOn(console, "error").mockReturnValue());

const DIRECTORY = { getByName: () => ({ knows: () => Promise.reject(new Error("out of reach")) }) };
const without = { ...env, DIRECTORY } as unknown as Cloudflare.Env;

/** The app's only replica reports to its object alone, so that no isolate hears of the app by the heartbeat. */
async function join(app: string): Promise<void> {
  const said = { replica: "r", origin: inject("replicaOrigin"), incarnation: 1, sequence: null, hints: null, hintSlots: null };
  const answer = await env.FLEET.getByName(app).heartbeat({ app, ...said, concurrency: 4, inFlight: null, status: "ready" });
  expect(answer.kind).toBe("accepted");
}

/** One request without the Directory. Ends after everything that the request left in `waitUntil`. */
async function send(target: string, its: object = {}): Promise<Response> {
  const ctx = createExecutionContext();
  const request = new Request(`http://router/${target}`, { headers: { authorization: "Bearer admin-token" } });
  const response = await worker.fetch(request as Parameters<typeof worker.fetch>[0], { ...without, ...its }, ctx);
  const body = await response.arrayBuffer();
  await waitOnExecutionContext(ctx);
  return new Response(body, response);
}

// This test comes first, because it uses the real time and the others use a later time.
test("a flood of made-up names starts no more objects than the bound, and an app that is known goes on", async () => {
  await join("real");
  expect((await send("real/x")).status).toBe(200);
  const started = new Set<string>();
  const getByName = (app: string) => {
    started.add(app);
    return env.FLEET.getByName(app);
  };
  const types = new Set<string | null>();
  for (let n = 0; n < BOUNDS.uncheckedApps + 50; n++) {
    const { status, headers } = await send(`flood-${n}/x`, { FLEET: { getByName } });
    expect([status, headers.get("retry-after")]).toEqual([503, expect.stringMatching(/^[1-9]\d*$/)]);
    types.add(headers.get("x-fal-error-type"));
  }
  expect([...types]).toEqual(["no_replicas", "runner_scheduling_failure"]);
  expect(started.size).toBe(BOUNDS.uncheckedApps - 1);
  expect((await send("real/x")).status).toBe(200);
});

test("the administrator may ask for any app", async () => {
  await join("looked-at");
  const response = await send("-/apps/looked-at");
  expect([response.status, await response.json()]).toMatchObject([200, { replicas: [{ replica: "r" }] }]);
  expect((await send("-/apps/made-up")).status).toBe(404);
});

const FAULT = { type: "runner_scheduling_failure", retryAfterMs: 1000 };
const fault = (app: string, now: number) => unknownAppFault(exchangeOf(without, app, now));

const start = Date.now();
let rounds = 0;

/** A time by which the bound of new names is used up. */
async function usedUp(): Promise<number> {
  const now = start + ++rounds * 2 * BOUNDS.uncheckedAppsMs;
  for (let n = 0; n < BOUNDS.uncheckedApps; n++) expect(await fault(`made-up-${n}`, now)).toBeNull();
  expect(await fault("one-more", now)).toEqual(FAULT);
  return now;
}

test("names that are new to the isolate are let through up to the bound, each of them again and again", async () => {
  const now = await usedUp();
  expect(await fault("made-up-0", now)).toBeNull();
  const end = now + BOUNDS.uncheckedAppsMs;
  expect([await fault("one-more", end - 1), await fault("made-up-0", end - 1)]).toEqual([FAULT, null]);
  expect(await fault("one-more", end)).toBeNull();
});

test("an app that the isolate knew is let through beyond the bound, however long ago that was", async () => {
  rememberApp("known", 0);
  expect(await fault("known", await usedUp())).toBeNull();
});

test("so is an app whose snapshot the isolate has", async () => {
  expect(await fault("real", await usedUp())).toBeNull();
});
