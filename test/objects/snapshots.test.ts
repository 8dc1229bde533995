// The last snapshot of each fleet in an isolate, in workerd with real Fleet objects: which objects are asked for one, and what pushes one out.
import { env } from "cloudflare:workers";
import { beforeEach, expect, test, vi } from "vitest";
import { keepSnapshot, snapshotOf } from "../../src/edge/snapshots.ts";
import { BOUNDS } from "../../src/limits.ts";
import { LIMITS } from "../../src/routing/limits.ts";
import { exchangeOf } from "./exchange.ts";

/** Each failure is logged. */
beforeEach(() => void vi.spyOn(console, "warn").mockReturnValue());

const NOW = 1_764_000_000_000;

/** A request for the app comes, and what it left in `waitUntil` is over. */
async function refreshSnapshot(its: Cloudflare.Env, app: string, now: number): Promise<void> {
  const exchange = exchangeOf(its, app, now);
  keepSnapshot(exchange);
  await exchange.over();
}

async function beat(app: string, status: "ready" | "stopped"): Promise<void> {
  const said = { replica: "r", origin: "https://gpu.example.com", incarnation: 1, sequence: null, hints: null, hintSlots: null };
  const answer = await env.FLEET.getByName(app).heartbeat({ app, ...said, concurrency: 1, inFlight: null, status });
  expect(answer.kind).toBe("accepted");
}

/** The environment, and the names of the apps whose objects were asked for in it. */
function watched(): { readonly watchedEnv: Cloudflare.Env; readonly asked: readonly string[] } {
  const asked: string[] = [];
  const getByName = (app: string) => {
    asked.push(app);
    return env.FLEET.getByName(app);
  };
  return { watchedEnv: { ...env, FLEET: { getByName } } as unknown as Cloudflare.Env, asked };
}

const MAX_AGE_MS = 300_000;
const idsOf = (app: string, now = NOW) => snapshotOf(app, MAX_AGE_MS, now)?.copy.replicas.map(({ id }) => id) ?? [];

test("of apps without replicas nothing is kept, so that any number of them pushes no snapshot out", async () => {
  await beat("kept", "ready");
  await refreshSnapshot(env, "kept", NOW);
  expect(idsOf("kept")).toEqual(["r"]);
  for (let n = 0; n < BOUNDS.snapshotApps + 50; n++) await refreshSnapshot(env, `none-${n}`, NOW);
  expect(idsOf("kept")).toEqual(["r"]);
});

test("nor is anything kept of apps whose object fails", async () => {
  await beat("kept-too", "ready");
  await refreshSnapshot(env, "kept-too", NOW);
  const failing = { ...env, FLEET: { getByName: () => ({ refresh: () => Promise.reject(new Error("out of reach")) }) } };
  for (let n = 0; n < BOUNDS.snapshotApps + 50; n++) {
    await refreshSnapshot(failing as unknown as Cloudflare.Env, `failing-${n}`, NOW);
  }
  expect(idsOf("kept-too")).toEqual(["r"]);
});

test.each(["ready", "stopped"] as const)("requests at once ask once, again after 10 s: a replica that is %s", async (status) => {
  const app = `asked-${status}`;
  await beat(app, status);
  const { watchedEnv, asked } = watched();
  const refresh = (now: number) => refreshSnapshot(watchedEnv, app, now);
  await Promise.all([refresh(NOW), refresh(NOW), refresh(NOW + 1)]);
  await refresh(NOW + BOUNDS.snapshotAgeMs - 1);
  expect(asked).toEqual([app]);
  await Promise.all([refresh(NOW + BOUNDS.snapshotAgeMs), refresh(NOW + BOUNDS.snapshotAgeMs)]);
  expect(asked).toEqual([app, app]);
});

test("a snapshot goes with the last ready replica, and stays while the object fails", async () => {
  await beat("comes-and-goes", "ready");
  await refreshSnapshot(env, "comes-and-goes", NOW);
  const failing = { ...env, FLEET: { getByName: () => ({ refresh: () => Promise.reject(new Error("out of reach")) }) } };
  await refreshSnapshot(failing as unknown as Cloudflare.Env, "comes-and-goes", NOW + BOUNDS.snapshotAgeMs);
  expect(idsOf("comes-and-goes")).toEqual(["r"]);
  await beat("comes-and-goes", "stopped");
  // The object compares its image with the fleet no more often.
  await scheduler.wait(LIMITS.imageAgeMs);
  await refreshSnapshot(env, "comes-and-goes", NOW + 2 * BOUNDS.snapshotAgeMs);
  expect(idsOf("comes-and-goes")).toEqual([]);
});

test("a snapshot older than SNAPSHOT_MAX_AGE_MS is not used until the object has confirmed it", async () => {
  await beat("ages", "ready");
  await refreshSnapshot(env, "ages", NOW);
  expect(idsOf("ages", NOW + MAX_AGE_MS)).toEqual(["r"]);
  const late = NOW + MAX_AGE_MS + 1;
  expect(idsOf("ages", late)).toEqual([]);
  await refreshSnapshot(env, "ages", late);
  expect(idsOf("ages", late)).toEqual(["r"]);
});
