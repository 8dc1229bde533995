// The Fleet object is lost while the Worker's requests go on. Running requests are counted again, waiting requests ask again, and while the object can't be
// reached the last snapshot serves.
import { env, exports } from "cloudflare:workers";
import { createExecutionContext, runInDurableObject } from "cloudflare:test";
import { expect, inject, test } from "vitest";
import worker from "../../src/index.ts";
import { BOUNDS } from "../../src/limits.ts";
import { hashName, ownerOf } from "../../src/routing/rendezvous.ts";
import { until } from "../support/until.ts";

const view = (app: string) => env.FLEET.getByName(app).view();

/** An origin where nothing listens. */
const DEAD_ORIGIN = "http://127.0.0.1:9";

async function join(app: string, concurrency: number, also: Readonly<Record<string, unknown>> = {}): Promise<void> {
  const report = { app, replica: "r", origin: inject("replicaOrigin"), concurrency, hints: ["m"], ...also };
  const response = await exports.default.fetch("http://router/-/heartbeat", {
    method: "POST",
    headers: { authorization: "Bearer beat-token" },
    body: JSON.stringify(report),
  });
  expect(response.status).toBe(200);
}

/** Sends requests to a Worker whose Fleet objects answer each call with `error`, and counts the calls. */
function withFleetsFailing(error: Error) {
  const calls = { count: 0 };
  const enqueue = async () => {
    calls.count++;
    throw error;
  };
  const broken = { ...env, FLEET: { getByName: () => ({ enqueue }) } };
  const send = (path: string, hint = "m") =>
    worker.fetch(
      new Request(`http://router/${path}`, { headers: { "x-fal-runner-hint": hint } }) as Parameters<typeof worker.fetch>[0],
      broken as unknown as Cloudflare.Env,
      createExecutionContext(),
    );
  return { send, calls };
}

const servedBy = ({ headers }: Response) => [headers.get("x-fal-served-from"), headers.get("x-warmpath-reason")];

async function kill(app: string): Promise<void> {
  await runInDurableObject(env.FLEET.getByName(app), (_fleet, state) => state.abort("killed by the test")).catch(() => {});
}

test("a streaming request outlives its object, is counted by the next one, and gives its slot back at its end", async () => {
  await join("adopted", 1);
  const response = await exports.default.fetch("http://router/adopted/stream?chunks=75");
  const reader = response.body?.getReader();
  await reader?.read();
  await until("the request is watched", async () => (await view("adopted"))?.in_flight === 1);
  await new Promise((resolve) => setTimeout(resolve, 200));
  await kill("adopted");
  await until("the new object counts the request", async () => (await view("adopted"))?.replicas[0]?.in_flight === 1);
  let text = "chunk\n";
  for (let read = await reader?.read(); read?.done === false; read = await reader?.read())
    text += new TextDecoder().decode(read.value);
  expect(text).toBe("chunk\n".repeat(75));
  await until("the slot is free", async () => (await view("adopted"))?.replicas[0]?.in_flight === 0);
});

test("a waiting request asks the new object and is served", async () => {
  await join("asked-again", 1);
  const held = await exports.default.fetch("http://router/asked-again/stream?chunks=60");
  const waiting = exports.default.fetch("http://router/asked-again/x");
  await until("one waits", async () => (await view("asked-again"))?.waiting === 1);
  await kill("asked-again");
  await held.arrayBuffer();
  const response = await waiting;
  expect([response.status, await response.text()]).toEqual([200, "ok"]);
  expect(response.headers.get("server-timing")).toMatch(/queue;dur=[1-9]/);
});

test("twenty crashes under load leave no slot taken", async () => {
  await join("crashes", 4);
  const statuses: number[] = [];
  let stop = false;
  const client = async () => {
    while (!stop) {
      const response = await exports.default.fetch("http://router/crashes/stream?chunks=3");
      await response.arrayBuffer();
      statuses.push(response.status);
    }
  };
  const clients = Array.from({ length: 4 }, client);
  for (let crash = 0; crash < 20; crash++) {
    const served = statuses.length;
    await until("requests are served", () => statuses.length > served);
    await kill("crashes");
  }
  stop = true;
  await Promise.all(clients);
  expect(new Set(statuses)).toEqual(new Set([200]));
  await until("every slot is free", async () => (await view("crashes"))?.in_flight === 0);
});

test("with the object out of reach the last snapshot serves by hash; without a snapshot the router says so", async () => {
  await join("unreachable", 4);
  await (await exports.default.fetch("http://router/unreachable/x")).text();
  const { send } = withFleetsFailing(new Error("out of reach"));
  await until("the snapshot is there", async () => (await send("unreachable/x")).status === 200);
  expect(servedBy(await send("unreachable/x"))).toEqual(["r", "snapshot_hash"]);
  await env.DIRECTORY.getByName("directory").arrived("never-seen-here");
  const refused = await send("never-seen-here/x");
  expect([refused.status, refused.headers.get("x-fal-error-type"), refused.headers.get("retry-after")]).toEqual([
    503,
    "runner_scheduling_failure",
    "1",
  ]);
});

test.each([
  ["out of reach", BOUNDS.objectAttempts, {}],
  ["overloaded", 1, { overloaded: true }],
])("an object that is %s is asked %i times before the last snapshot serves", async (fault, expected, mark) => {
  const app = `asked-${expected}-times`;
  await join(app, 4);
  await (await exports.default.fetch(`http://router/${app}/x`)).text();
  const { send, calls } = withFleetsFailing(Object.assign(new Error(fault), mark));
  await until("the snapshot is there", async () => (await send(`${app}/x`)).status === 200);
  calls.count = 0;
  expect(servedBy(await send(`${app}/x`))).toEqual(["r", "snapshot_hash"]);
  expect(calls.count).toBe(expected);
});

/** A hint for which `id` is the first in hash order of two equal replicas, `r` and `dead`. */
function hintOf(id: string): string {
  const replicas = ["r", "dead"].map((name) => ({ id: name, hash: hashName(name), weight: 4 }));
  for (let number = 0; ; number++) if (ownerOf(hashName(`hint-${number}`), replicas)?.id === id) return `hint-${number}`;
}

test("a dead replica that is in the last snapshot is tried, and then the other replica", async () => {
  await join("outdated", 4);
  await join("outdated", 4, { replica: "dead", origin: DEAD_ORIGIN, hints: [] });
  await (await exports.default.fetch("http://router/outdated/x", { headers: { "x-fal-runner-hint": "m" } })).text();
  const { send, calls } = withFleetsFailing(new Error("out of reach"));
  await until("the snapshot is there", async () => (await send("outdated/x", hintOf("r"))).status === 200);
  calls.count = 0;
  const response = await send("outdated/x", hintOf("dead"));
  expect([response.status, await response.text(), ...servedBy(response)]).toEqual([200, "ok", "r", "snapshot_hash"]);
  expect(calls.count).toBe(2 * BOUNDS.objectAttempts);
});

test("if the last snapshot has no other replica, a dead one is tried once and is 502", async () => {
  await join("alone", 4, { origin: DEAD_ORIGIN });
  await (await exports.default.fetch("http://router/alone/x")).text();
  const { send, calls } = withFleetsFailing(new Error("out of reach"));
  await until("the snapshot is there", async () => (await send("alone/x")).status !== 503);
  calls.count = 0;
  const response = await send("alone/x");
  expect([response.status, response.headers.get("x-fal-error-type")]).toEqual([502, "runner_disconnected"]);
  expect(calls.count).toBe(2 * BOUNDS.objectAttempts);
});

test("with the Directory out of reach apps in use are served, and a made-up name finds no replicas", async () => {
  await join("in-use", 1);
  const broken = { ...env, DIRECTORY: { getByName: () => ({ knows: () => Promise.reject(new Error("out of reach")) }) } };
  const send = (app: string) =>
    worker.fetch(
      new Request(`http://router/${app}/x`) as Parameters<typeof worker.fetch>[0],
      broken as unknown as Cloudflare.Env,
      createExecutionContext(),
    );
  expect((await send("in-use")).status).toBe(200);
  const refused = await send("never-in-use");
  expect([refused.status, refused.headers.get("x-fal-error-type")]).toEqual([503, "no_replicas"]);
});

test("a made-up app starts no Fleet object", async () => {
  const untouched = { ...env, FLEET: { getByName: () => expect.unreachable("a Fleet object was asked for") } };
  const request = new Request("http://router/made-up/x") as Parameters<typeof worker.fetch>[0];
  const response = await worker.fetch(request, untouched as unknown as Cloudflare.Env, createExecutionContext());
  expect(response.status).toBe(404);
});
