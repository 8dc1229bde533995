// The Fleet object is lost under load, again and again, as with evictions and deploys. No request fails, no slot leaks, no replica is forgotten.
import { request as httpRequest } from "node:http";
import { expect, test } from "vitest";
import { LiveRouter } from "../../bench/live/router.ts";
import { bundle } from "../../scripts/bundle.ts";
import { BOUNDS } from "../../src/limits.ts";
import { TestReplica } from "../support/replica.ts";
import { until } from "../support/until.ts";

const CRASHES = 6;
const REPLICAS = 4;
const CONCURRENCY = 2;
/** More clients than slots, so some requests wait. */
const CLIENTS = 14;
const APP = "restarts";

interface Outcome {
  readonly status: number;
  readonly text: string;
  readonly reason: string;
}

/** Half of the requests run long enough to be watched for a restart. */
async function startReplica(): Promise<TestReplica> {
  return TestReplica.start((request, response) => {
    const serveMs = request.url === "/long" ? 1.3 * BOUNDS.watchAfterMs : 10;
    response.writeHead(200).flushHeaders();
    setTimeout(() => response.end("served"), serveMs);
  });
}

function send(port: number, path: string, hint: string): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(
      { port, path, agent: false, method: "POST", headers: { "x-fal-runner-hint": hint } },
      (response) => {
        let text = "";
        response.on("data", (chunk: Buffer) => (text += chunk.toString()));
        response.on("error", reject);
        response.on("end", () =>
          resolve({ status: response.statusCode ?? 0, text, reason: String(response.headers["x-warmpath-reason"]) }),
        );
      },
    );
    outgoing.on("error", reject);
    outgoing.end("body");
  });
}

test("crashes under load: every request is served", { timeout: 60_000 }, async () => {
  await using router = await LiveRouter.start({
    name: "restarts",
    settings: { ALLOW_PRIVATE_ORIGINS: "true", HEARTBEAT_INTERVAL_MS: "60000" },
    bundle: bundle({ name: "chaos", folder: "bench/chaos/worker" }),
  });
  await using stack = new AsyncDisposableStack();
  const replicas: TestReplica[] = [];
  for (let index = 0; index < REPLICAS; index++) {
    const replica = stack.use(await startReplica());
    replicas.push(replica);
    const beat = { app: APP, replica: `r${index}`, origin: replica.origin, hints: [`h${index}`], concurrency: CONCURRENCY };
    const headers = { authorization: `Bearer ${router.token}` };
    const answer = await fetch(`${router.url}/-/heartbeat`, { method: "POST", headers, body: JSON.stringify(beat) });
    expect(answer.status).toBe(200);
  }
  const outcomes: Outcome[] = [];
  let stop = false;
  const client = async (number: number) => {
    for (let sent = number; !stop; sent++) {
      outcomes.push(await send(router.port, `/${APP}/${sent % 2 === 0 ? "long" : "short"}`, `h${sent % REPLICAS}`));
    }
  };
  const clients = Promise.all(Array.from({ length: CLIENTS }, (_, number) => client(number)));
  for (let crash = 0; crash < CRASHES; crash++) {
    const before = outcomes.length;
    await until("requests are served", () => outcomes.length > before + CLIENTS);
    await fetch(`${router.url}/__chaos/${APP}/crash`, { method: "POST" });
  }
  stop = true;
  await clients;
  expect(outcomes.filter(({ status, text }) => status !== 200 || text !== "served")).toEqual([]);
  expect(outcomes.filter(({ reason }) => reason === "snapshot_hash")).toEqual([]);
  await until("nothing is held", async () => {
    const view = await router.view(APP);
    return view?.in_flight === 0 && view.replicas.every((replica) => replica.in_flight === 0);
  });
  const view = await router.view(APP);
  expect(view?.replicas.map(({ replica, status }) => [replica, status])).toEqual(
    replicas.map((_, index) => [`r${index}`, "ready"]),
  );
  // A request that was granted just before a crash may not be adopted yet when other requests are granted.
  expect(Math.max(...replicas.map(({ most }) => most))).toBeLessThanOrEqual(2 * CONCURRENCY);
});

test("a request waits through more restarts than an object is asked in a row", { timeout: 60_000 }, async () => {
  await using router = await LiveRouter.start({
    name: "waits",
    settings: { ALLOW_PRIVATE_ORIGINS: "true", HEARTBEAT_INTERVAL_MS: "60000" },
    bundle: bundle({ name: "chaos", folder: "bench/chaos/worker" }),
  });
  let letGo = () => {};
  await using replica = await TestReplica.start((request, response) => {
    response.writeHead(200).flushHeaders();
    if (request.url === "/hold") letGo = () => response.end("held");
    else response.end("served");
  });
  const beat = { app: APP, replica: "r", origin: replica.origin, concurrency: 1 };
  const headers = { authorization: `Bearer ${router.token}` };
  await fetch(`${router.url}/-/heartbeat`, { method: "POST", headers, body: JSON.stringify(beat) });
  const holder = send(router.port, `/${APP}/hold`, "h");
  await until("the slot is taken", () => replica.running === 1);
  const waiter = send(router.port, `/${APP}/x`, "h");
  const isWaiting = async () => {
    const view = await router.view(APP);
    return view?.waiting === 1 && view.in_flight === 1;
  };
  await until("the other waits", isWaiting);
  for (let crash = 0; crash < 3 * BOUNDS.objectAttempts; crash++) {
    await fetch(`${router.url}/__chaos/${APP}/crash`, { method: "POST" });
    await until("it waits again, and the slot is taken again", isWaiting);
  }
  expect(replica.received).toHaveLength(1);
  letGo();
  expect((await holder).status).toBe(200);
  const { status, reason } = await waiter;
  expect([status, reason]).toEqual([200, "hash_owner"]);
});
