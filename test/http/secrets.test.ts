// Secrets are in no log line, no answer and no file, after good, wrong and malformed tokens, bad settings and faults of the router.
import { globSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { validBeat } from "../support/conformance.ts";
import { TestReplica } from "../support/replica.ts";
import { TestRouter, type Reply } from "../support/router.ts";
import { spoilFleets } from "../support/spoil.ts";

/** A part of every secret in this file, and of every token that a caller tries, because a mistyped token is nearly a secret. */
const MARK = "s3cret";

const SETTINGS = {
  HEARTBEAT_TOKENS: `{"a": ["${MARK}-a", "${MARK}-next"], "b": "${MARK}-b"}`,
  ADMIN_TOKEN: `${MARK}-admin`,
  METRICS_TOKEN: `${MARK}-metrics`,
  ORIGIN_SIGNING_KEY: `${MARK} key`,
};
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const told = ({ rawHeaders, statusText, text }: Reply) => `${statusText}\n${rawHeaders.join("\n")}\n${text}`;

function expectUntold(router: TestRouter, replies: readonly Reply[]): void {
  for (const reply of replies) expect(told(reply)).not.toContain(MARK);
  expect(router.log.join("\n")).not.toContain(MARK);
  for (const file of globSync("**/*", { cwd: router.stateFolder }).map((name) => path.join(router.stateFolder, name))) {
    if (statSync(file).isFile()) expect(readFileSync(file).includes(MARK), file).toBe(false);
  }
}

async function heartbeats(router: TestRouter, origin: string): Promise<Reply[]> {
  const tokens = ["a", "next", "b", "admin", "wrong", "a, other"].map((token) => bearer(`${MARK}-${token}`));
  const malformed = [MARK, `Basic ${MARK}`, `Bearer ${MARK} ${MARK}`, `Bearer "${MARK}"`, `Bearer ${MARK}\u00e9`];
  const bodies = [
    validBeat("a", { origin }),
    validBeat("a", { origin: "x" }),
    validBeat("b"),
    { app: "?" },
    "not JSON",
    " ".repeat(270_000),
  ];
  const replies: Reply[] = [];
  for (const headers of [...tokens, ...malformed.map((authorization) => ({ authorization })), {}]) {
    for (const body of bodies) replies.push(await router.beat(body, headers));
  }
  return replies;
}

async function adminCalls(router: TestRouter): Promise<Reply[]> {
  const replies: Reply[] = [];
  for (const token of ["admin", "admi", "a", "metrics"]) {
    const calls = ["/-/metrics", "/-/apps", "/-/apps/a", "/-/apps/a/explain?hint=h", "/-/apps/none", "/-/nothing", "/-/healthz"];
    for (const target of calls) replies.push(await router.send(target, { headers: bearer(`${MARK}-${token}`) }));
    for (const [method, rest] of [
      ["POST", "/drain"],
      ["POST", "/undrain"],
      ["DELETE", ""],
    ] as const) {
      replies.push(await router.send(`/-/apps/a/replicas/r1${rest}`, { method, headers: bearer(`${MARK}-${token}`) }));
    }
  }
  return replies;
}

test("in the course of things", async () => {
  await using replica = await TestReplica.start();
  await using router = await TestRouter.start(SETTINGS);
  const replies = await heartbeats(router, replica.origin);
  expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([200, 400, 401, 403, 413, 422]));
  for (const target of ["/a/x", "/a/y?z=1", "/none/x"]) replies.push(await router.send(target));
  expect(replica.received).toHaveLength(2);
  expect(JSON.stringify(replica.received)).not.toContain(MARK);
  replies.push(...(await adminCalls(router)));
  expectUntold(router, replies);
});

test.each([
  ["HEARTBEAT_TOKENS", `${MARK} with a space`],
  ["HEARTBEAT_TOKENS", `${MARK}\u00e9`],
  ["HEARTBEAT_TOKENS", `{"a": "${MARK}" oops`],
  ["HEARTBEAT_TOKENS", `{"a": ["${MARK}", 7]}`],
  ["HEARTBEAT_TOKENS", `{"a": "${MARK}\\n"}`],
  ["HEARTBEAT_TOKENS", `{"${MARK} is no name": "${MARK}"}`],
  ["ADMIN_TOKEN", `${MARK} with a space`],
  ["ADMIN_TOKEN", `${MARK}\u00e9`],
  ["ADMIN_TOKEN", `${MARK}\u001b[0m`],
])("if %s is bad: %j", async (setting, value) => {
  await using router = await TestRouter.start({ ...SETTINGS, [setting]: value });
  const replies = [
    await router.send("/-/healthz"),
    await router.send("/a/x"),
    await router.beat(validBeat("a"), bearer(`${MARK}-a`)),
  ];
  for (const reply of replies) expect(reply.json()).toMatchObject({ error_type: "misconfigured", setting });
  expectUntold(router, replies);
});

test("if another setting is bad", async () => {
  await using router = await TestRouter.start({ ...SETTINGS, ORIGIN_ALLOW: `https://${MARK}@no`, MAX_ATTEMPTS: "0" });
  const replies = [await router.send("/-/healthz"), await router.beat(validBeat("a"), bearer(`${MARK}-a`))];
  for (const reply of replies) expect(reply.json()).toMatchObject({ error_type: "misconfigured", setting: "ORIGIN_ALLOW" });
  expectUntold(router, replies);
});

test("if the router itself fails: its objects' files are no databases", async () => {
  await using router = await TestRouter.start(SETTINGS);
  expect((await router.beat(validBeat("a"), bearer(`${MARK}-a`))).status).toBe(200);
  await router.restart(async () => spoilFleets(router.stateFolder));
  const beats = await heartbeats(router, "http://127.0.0.1:9");
  const replies = [...beats, ...(await adminCalls(router)), await router.send("/a/x")];
  const types = new Set(replies.map(({ headers }) => headers["x-fal-error-type"]));
  expect(types).toContain("internal_error");
  expect(types).toContain("runner_scheduling_failure");
  expect(router.log.join("\n")).toContain("a request failed in the router");
  expectUntold(router, replies);
});
