// SCALE_WEBHOOK: an app that has no replica asks for one, and its requests wait for that up to their deadlines.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { bundle } from "../../scripts/bundle.ts";
import { keepBeating } from "../support/beating.ts";
import { expectProblem } from "../support/conformance.ts";
import { TestReplica } from "../support/replica.ts";
import { TestRouter } from "../support/router.ts";
import { until } from "../support/until.ts";

interface Call {
  readonly method: string | undefined;
  readonly path: string | undefined;
  readonly authorization: string | undefined;
  readonly body: unknown;
}

let webhook: Server;
let calls: Call[] = [];
/** How the webhook answers. */
let answer: (response: ServerResponse) => void;

beforeEach(async () => {
  calls = [];
  answer = (response) => response.writeHead(204).end();
  webhook = createServer((request, response) => void take(request, response));
  await new Promise<void>((resolve) => webhook.listen(0, "127.0.0.1", resolve));
});
afterEach(async () => {
  webhook.closeAllConnections();
  await new Promise<void>((resolve) => webhook.close(() => resolve()));
});

async function take(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const { method, url, headers } = request;
  calls.push({ method, path: url, authorization: headers.authorization, body: JSON.parse(Buffer.concat(chunks).toString()) });
  answer(response);
}

const urlOf = (server: Server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}/up?key=s3cret`;

/** Replicas live for 0.15 s without a heartbeat, and so long requests hope for one that has left. */
const start = (settings: Record<string, string> = {}, its?: string) =>
  TestRouter.start({ HEARTBEAT_INTERVAL_MS: "50", SCALE_WEBHOOK: urlOf(webhook), ...settings }, its);

/** The app had a replica once. */
async function atZero(router: TestRouter, app: string): Promise<void> {
  const beat = { app, replica: "gone", origin: "http://127.0.0.1:9" };
  await router.join(beat);
  expect((await router.beat({ ...beat, status: "stopped" })).status).toBe(200);
}

const waiting = async (router: TestRouter, app: string) =>
  (await router.admin(`/-/apps/${encodeURIComponent(app)}/scale`)).json<{ waiting: number }>().waiting;
const impatient = (seconds: string) => ({ headers: { "x-fal-request-timeout": seconds } });
const failures = (router: TestRouter) => router.log.filter((line) => line.includes("the scale webhook failed"));

test("many requests for an app at zero are one call, and all are served by the replica that then joins", async () => {
  await using router = await start({ SCALE_WEBHOOK_TOKEN: "hook-token", APP_FROM: "path:2" });
  await atZero(router, "owner/app");
  const sent = Array.from({ length: 20 }, () => router.send("/owner/app/x"));
  await until("all wait", async () => (await waiting(router, "owner/app")) === 20);
  await until("it is called", () => calls.length > 0);
  await using replica = await TestReplica.start();
  await using _ = await keepBeating(router, { app: "owner/app", replica: "new", origin: replica.origin });
  expect(new Set((await Promise.all(sent)).map(({ status }) => status))).toEqual(new Set([200]));
  expect((await router.send("/owner/app/x")).status).toBe(200);
  const body = { app: "owner/app", reason: "no_replicas", waiting: 1, desired_replicas: 1 };
  expect(calls).toEqual([{ method: "POST", path: "/up?key=s3cret", authorization: "Bearer hook-token", body }]);
});

test("a request waits beyond the time for which a replica could return, up to its deadline", async () => {
  await using router = await start();
  await atZero(router, "app");
  const reply = await router.send("/app/x", impatient("1"));
  expectProblem(reply, 504, "request_timeout");
  expect(reply.headers["x-fal-request-timeout-type"]).toBe("user");
  expect(calls).toHaveLength(1);
  expect(calls[0]?.authorization).toBeUndefined();
  await using own = await start({ QUEUE_TIMEOUT_MS: "500" });
  await atZero(own, "app");
  const timedOut = await own.send("/app/x");
  expectProblem(timedOut, 504, "request_timeout");
  expect(timedOut.headers["x-fal-request-timeout-type"]).toBe("router");
});

test("each app asks for itself, also for what is refused at once, and no app that is not known", async () => {
  await using router = await start();
  for (const app of ["a", "b", "c"]) await atZero(router, app);
  expectProblem(await router.send("/a/x", impatient("0.05")), 504, "request_timeout");
  expectProblem(await router.send("/b/x?fal_max_queue_length=0"), 429, "queue_full");
  expectProblem(await router.send("/c/x", { method: "OPTIONS" }), 503, "no_replicas");
  expectProblem(await router.send("/nosuch/x"), 404, "app_not_found");
  await until("all have asked", () => calls.length === 3);
  const said = calls.map(({ body }) => body as { app: string; waiting: number; desired_replicas: number });
  expect(said.map(({ app }) => app).toSorted((one, other) => one.localeCompare(other))).toEqual(["a", "b", "c"]);
  expect(said.every(({ desired_replicas }) => desired_replicas === 1)).toBe(true);
});

test("a replica that drains is no reason not to ask, one that starts is", async () => {
  // Neither is to expire meanwhile, however busy the machine is.
  await using router = await start({ HEARTBEAT_INTERVAL_MS: "2000" });
  const origin = "http://127.0.0.1:9";
  await using starting = await keepBeating(router, { app: "starts", replica: "r", origin, status: "starting" });
  await using draining = await keepBeating(router, { app: "drains", replica: "r", origin, status: "draining" });
  expectProblem(await router.send("/starts/x", impatient("0.2")), 504, "request_timeout");
  expectProblem(await router.send("/drains/x", impatient("0.2")), 504, "request_timeout");
  await until("it is called", () => calls.length > 0);
  expect(calls.map(({ body }) => (body as { app: string }).app)).toEqual(["drains"]);
  expect([starting, draining]).toHaveLength(2);
});

test("a webhook that is down is tried twice and is one line of the log, and the request waits all the same", async () => {
  await using router = await start();
  answer = (response) => response.writeHead(500).end("s3cret");
  await atZero(router, "app");
  const sent = [1, 2, 3].map(() => router.send("/app/x"));
  await until("it has failed", () => failures(router).length > 0);
  expect(calls).toHaveLength(2);
  expect(failures(router).map((line) => JSON.parse(line) as unknown)).toEqual([
    { message: "the scale webhook failed", app: "app", error: "status 500" },
  ]);
  await using replica = await TestReplica.start();
  await using _ = await keepBeating(router, { app: "app", replica: "new", origin: replica.origin });
  expect((await Promise.all(sent)).map(({ status }) => status)).toEqual([200, 200, 200]);
  expect(failures(router)).toHaveLength(1);
  expect(router.log.join("\n")).not.toContain("s3cret");
});

test.each([
  ["is not there", "http://127.0.0.1:9/up?key=s3cret"],
  ["has no name", "http://nobody.invalid/up?key=s3cret"],
])("a webhook that %s harms no request, and no line shows its URL", async (_, url) => {
  await using router = await start({ SCALE_WEBHOOK: url });
  await atZero(router, "app");
  expectProblem(await router.send("/app/x", impatient("2")), 504, "request_timeout");
  await until("it has failed", () => failures(router).length > 0);
  expect(failures(router)).toHaveLength(1);
  expect(router.log.join("\n")).not.toContain("s3cret");
});

test("a redirect is not followed, and counts as a failure", async () => {
  await using router = await start({ SCALE_WEBHOOK_TOKEN: "hook-token" });
  answer = (response) => response.writeHead(302, { location: "/elsewhere" }).end();
  await atZero(router, "app");
  expectProblem(await router.send("/app/x", impatient("0.1")), 504, "request_timeout");
  await until("it has failed", () => failures(router).length > 0);
  expect(new Set(calls.map(({ path }) => path))).toEqual(new Set(["/up?key=s3cret"]));
});

test("a webhook that never answers holds no request", async () => {
  await using router = await start();
  answer = () => {};
  await atZero(router, "app");
  const sent = router.send("/app/x");
  await until("it is called", () => calls.length === 1);
  await using replica = await TestReplica.start();
  await using _ = await keepBeating(router, { app: "app", replica: "new", origin: replica.origin });
  expect((await sent).status).toBe(200);
});

test("while a request waits it is asked again, at intervals, until a replica is there", async () => {
  // There the interval is a second.
  await using router = await start({}, bundle({ name: "chaos", folder: "bench/chaos/worker" }));
  await atZero(router, "app");
  const sent = router.send("/app/x");
  await until("it is called", () => calls.length === 1);
  const more = router.send("/app/x");
  await until("both wait", async () => (await waiting(router, "app")) === 2);
  await until("it is called again", () => calls.length >= 3);
  expect(calls.at(-1)?.body).toEqual({ app: "app", reason: "no_replicas", waiting: 2, desired_replicas: 1 });
  await using replica = await TestReplica.start();
  await using _ = await keepBeating(router, { app: "app", replica: "new", origin: replica.origin });
  expect([(await sent).status, (await more).status]).toEqual([200, 200]);
  const { length } = calls;
  for (let request = 0; request < 5; request++) expect((await router.send("/app/x")).status).toBe(200);
  expect(calls).toHaveLength(length);
});

test("a request that has timed out asks no more, and the next one asks once the interval is over", async () => {
  await using router = await start({}, bundle({ name: "chaos", folder: "bench/chaos/worker" }));
  await atZero(router, "app");
  expectProblem(await router.send("/app/x", impatient("0.3")), 504, "request_timeout");
  expect(await waiting(router, "app")).toBe(0);
  expectProblem(await router.send("/app/x", impatient("1.3")), 504, "request_timeout");
  expect(calls.map(({ body }) => (body as { waiting: number }).waiting)).toEqual(expect.arrayContaining([1, 1]));
});

test("without the setting nobody is asked, and the request is refused after that time", async () => {
  await using router = await start({ SCALE_WEBHOOK: "" });
  await atZero(router, "app");
  expectProblem(await router.send("/app/x", impatient("20")), 503, "no_replicas");
  expect(calls).toEqual([]);
});
