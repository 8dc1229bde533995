// The router's own answers show a client nothing of the fleet: no origin, no token, and no id but that of the replica that failed its request. There is one
// test for each kind of error that a client or a replica can get. The administrator sees the fleet, and no secret.
import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { PROJECT } from "../../scripts/bundle.ts";
import { freshApp, sharedRouter } from "../support/conformance.ts";
import { holdAnswers } from "../support/held.ts";
import { TestReplica } from "../support/replica.ts";
import { TestRouter, type Reply, type Sending } from "../support/router.ts";
import { spoilFleets } from "../support/spoil.ts";
import { until } from "../support/until.ts";

/** A part of every replica's id and every secret in this file. Origins are found by their host. */
const MARK = "untold";
const HOST = "127.0.0.1";
const BEARER = { authorization: `Bearer ${MARK}-beat` };
const SECRETS = {
  HEARTBEAT_TOKENS: `{"*": "${MARK}-beat", "theirs": "${MARK}-theirs"}`,
  ADMIN_TOKEN: `${MARK}-admin`,
  ORIGIN_SIGNING_KEY: `${MARK}-key`,
};
const router = sharedRouter({ ...SECRETS, FIRST_BYTE_TIMEOUT_MS: "1500" });

const seen = new Set<string>();

function expectUntold({ status, headers, rawHeaders, text }: Reply, errorType: string): void {
  expect({ status, type: headers["x-fal-error-type"] }, text).toEqual({ status: expect.any(Number) as number, type: errorType });
  expect(`${rawHeaders.join("\n")}\n${text}`).not.toMatch(new RegExp(`${MARK}|${HOST.replaceAll(".", "\\.")}`));
  expect(headers["x-fal-served-from"]).toBeUndefined();
  seen.add(errorType);
}

/** An app with a replica at this origin. The replica's id holds the mark. */
async function appAt(origin: string, more: object = {}): Promise<string> {
  const app = freshApp();
  const reply = await router().beat({ app, replica: `${MARK}-replica`, origin, ...more }, BEARER);
  expect(reply.status, reply.text).toBe(200);
  return app;
}

const viewOf = async (app: string) => {
  const reply = await router().send(`/-/apps/${app}`, { headers: { authorization: `Bearer ${MARK}-admin` } });
  return reply.json<{ in_flight: number; waiting: number }>();
};

test.each<[string, string, Sending]>([
  ["app_not_found", "/nobody/x", {}],
  ["app_not_found", "/", {}],
  ["not_found", "/-/nothing", {}],
  ["method_not_allowed", "/-/heartbeat", {}],
  ["unauthorized", "/-/apps", { headers: { authorization: "Bearer wrong" } }],
  ["loop_detected", "/nobody/x", { headers: { via: "1.1 warmpath" } }],
  ["bad_request", "/nobody/x", { headers: { "x-fal-runner-hint": "1,2,3,4,5,6,7,8,9" } }],
  ["bad_request", "/nobody/x", { headers: { "x-fal-request-timeout": "soon" } }],
])("%s at %s", async (type, target, sending) => {
  await appAt(`http://${HOST}:9`);
  expectUntold(await router().send(target, sending), type);
});

test("queue_not_available: a call of fal's queue", async () => {
  await using two = await TestRouter.start({ ...SECRETS, APP_FROM: "path:2" });
  const beat = { app: "owner/app", replica: `${MARK}-replica`, origin: `http://${HOST}:9` };
  expect((await two.beat(beat, BEARER)).status).toBe(200);
  expectUntold(await two.send("/owner/app/requests/1/status"), "queue_not_available");
});

test("runner_disconnected: every replica is dead; the error names the last one, and nothing else", async () => {
  const app = freshApp();
  const join = (replica: string, port: number) => router().beat({ app, replica, origin: `http://${HOST}:${port}` }, BEARER);
  expect((await join("first", 9)).status).toBe(200);
  expectUntold(await router().send(`/${app}/x`), "runner_disconnected");
  expect((await join("second", 10)).status).toBe(200);
  for (const sending of [{ method: "POST", body: "b" }, { headers: { "x-fal-no-retry": "1" } }]) {
    const reply = await router().send(`/${app}/x`, sending);
    expectUntold(reply, "runner_disconnected");
    expect(reply.json()).toMatchObject({ replica: expect.stringMatching(/^(first|second)$/) as string, cause: "refused" });
  }
});

test("no_replicas: there is none ready", async () => {
  const app = await appAt(`http://${HOST}:9`, { status: "draining" });
  expectUntold(await router().send(`/${app}/x`, { method: "OPTIONS" }), "no_replicas");
});

test("request_timeout and queue_full: the replica is busy, then silent", async () => {
  const held = holdAnswers();
  await using replica = await TestReplica.start(held.answer);
  const app = await appAt(replica.origin);
  const silent = router().send(`/${app}/x`);
  await until("the slot is taken", async () => (await viewOf(app)).in_flight === 1);
  expectUntold(await router().send(`/${app}/x?fal_max_queue_length=0`), "queue_full");
  expectUntold(await router().send(`/${app}/x`, { headers: { "x-fal-request-timeout": "0.001" } }), "request_timeout");
  expectUntold(await silent, "request_timeout");
});

test("what a replica is answered", async () => {
  const app = await appAt(`http://${HOST}:9`, { incarnation: 5, sequence: 5 });
  const beat = { app, replica: `${MARK}-replica`, origin: `http://${HOST}:9` };
  expectUntold(await router().beat({ ...beat, incarnation: 4 }, BEARER), "stale_heartbeat");
  expectUntold(await router().beat({ ...beat, origin: `http://user@${HOST}` }, BEARER), "invalid_heartbeat");
  expectUntold(await router().beat({ ...beat, origin: router().url }, BEARER), "invalid_heartbeat");
  expectUntold(await router().beat(beat, { authorization: `Bearer ${MARK}-theirs` }), "forbidden");
  expectUntold(await router().beat(" ".repeat(270_000), BEARER), "payload_too_large");
  const other = { ...beat, replica: "another", incarnation: 6 };
  expect((await router().beat(other, BEARER)).status).toBe(200);
  expectUntold(await router().beat({ ...beat, replica: "late", incarnation: 5 }, BEARER), "origin_taken");
  await using slow = await TestRouter.start({ ...SECRETS, HEARTBEAT_RATE_MAX: "1" });
  const replies: Reply[] = [];
  // A burst may fall into two seconds.
  for (let n = 0; n < 12; n++) replies.push(await slow.beat(beat, BEARER));
  expectUntold(replies.find(({ status }) => status === 429) ?? (replies[0] as Reply), "rate_limited");
});

test.each([
  ["HEARTBEAT_TOKENS", `{"a": "${MARK}" oops`],
  ["ORIGIN_ALLOW", `gpu.example.com, http://${MARK}:${MARK}@${HOST}`],
])("misconfigured: %s", async (setting, value) => {
  await using bad = await TestRouter.start({ ...SECRETS, [setting]: value });
  expectUntold(await bad.send("/any/x"), "misconfigured");
});

test("internal_error and runner_scheduling_failure: the objects' files are no databases", async () => {
  await using broken = await TestRouter.start(SECRETS);
  const beat = { app: "a", replica: `${MARK}-replica`, origin: `http://${HOST}:9` };
  expect((await broken.beat(beat, BEARER)).status).toBe(200);
  await broken.restart(async () => spoilFleets(broken.stateFolder));
  expectUntold(await broken.send("/a/x"), "runner_scheduling_failure");
  expectUntold(await broken.beat(beat, BEARER), "internal_error");
});

/** Errors that only a full fleet or half a minute can cause. */
const NOT_HERE = new Set(["fleet_full", "upload_timeout"]);

test("these were all the other kinds of errors that the protocol's table has", () => {
  const table = readFileSync(path.join(PROJECT, "docs", "protocol.md"), "utf8");
  const all = [...table.matchAll(/^\| [45]\d\d +\| `([a-z_]+)`/gm)].map(([, type]) => type ?? "");
  expect(all.length).toBeGreaterThan(15);
  expect(all.filter((type) => !seen.has(type) && !NOT_HERE.has(type))).toEqual([]);
});

test("a replica's answer names it in x-fal-served-from alone", async () => {
  await using replica = await TestReplica.start((_request, response) => response.writeHead(404).end("no"));
  const app = await appAt(replica.origin);
  const { rawHeaders, headers, text } = await router().send(`/${app}/x`);
  expect(headers["x-fal-served-from"]).toBe(`${MARK}-replica`);
  const rest = rawHeaders.filter((value) => value !== `${MARK}-replica`);
  expect(`${rest.join("\n")}\n${text}`).not.toMatch(new RegExp(`${MARK}|${HOST.replaceAll(".", "\\.")}`));
});

test("the administrator sees the fleet and no secret", async () => {
  const app = await appAt(`http://${HOST}:9`);
  const calls: readonly (readonly [string, string])[] = [
    ["GET", "/-/apps"],
    ["GET", `/-/apps/${app}`],
    ["GET", `/-/apps/${app}/explain?hint=h`],
    ["POST", `/-/apps/${app}/replicas/${MARK}-replica/drain`],
    ["POST", `/-/apps/${app}/replicas/${MARK}-replica/undrain`],
    ["DELETE", `/-/apps/${app}/replicas/${MARK}-replica`],
    ["DELETE", `/-/apps/${app}/replicas/${MARK}-replica`],
  ];
  for (const [method, target] of calls) {
    const reply = await router().send(target, { method, headers: { authorization: `Bearer ${MARK}-admin` } });
    expect([200, 404]).toContain(reply.status);
    expect(`${reply.rawHeaders.join("\n")}\n${reply.text}`).not.toMatch(new RegExp(`${MARK}-(beat|theirs|admin|key)`));
  }
});
