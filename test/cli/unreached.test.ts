// Routers that can't be reached, that do not answer, that are none, and tokens that are wrong.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { beforeAll, expect, test } from "vitest";
import { LIMITS } from "../../cli/limits.ts";
import { sharedRouter } from "../support/conformance.ts";
import { TestReplica } from "../support/replica.ts";
import { reaching, warmpath } from "../support/warmpath.ts";

const COMMANDS = [
  ["apps"],
  ["replicas", "any-model"],
  ["replicas", "any-model", "--watch"],
  ["explain", "any-model", "sdxl"],
  ["drain", "any-model", "gpu-1"],
  ["undrain", "any-model", "gpu-1"],
  ["remove", "any-model", "gpu-1", "--yes"],
  ["heartbeat", "--app", "any-model", "--replica", "gpu-1", "--origin", "http://127.0.0.1:9000"],
].map((args) => ({ args, called: args.join(" ") }));
const TOKENS = { WARMPATH_ADMIN_TOKEN: "t0ken", WARMPATH_HEARTBEAT_TOKEN: "t0ken" };

const shared = sharedRouter();
let closed = "";

beforeAll(async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  closed = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await new Promise((resolve) => server.close(resolve));
});

test.each(COMMANDS)("$called: the router is down", async ({ args }) => {
  const { status, stdout, stderr } = await warmpath(args, { ...TOKENS, WARMPATH_ROUTER: closed });
  expect([status, stdout]).toEqual([1, ""]);
  expect(stderr).toBe(`error: ${closed} can't be reached: connect ECONNREFUSED ${closed.replace("http://", "")}\n`);
  const asJson = await warmpath([...args, "--json"], { ...TOKENS, WARMPATH_ROUTER: closed });
  expect([asJson.status, asJson.stderr]).toEqual([1, ""]);
  expect(JSON.parse(asJson.stdout)).toMatchObject({ error: { type: "unreachable" } });
});

test.each(COMMANDS)("$called: a wrong token", async ({ args }) => {
  const { status, stdout, stderr } = await warmpath(args, { ...TOKENS, WARMPATH_ROUTER: shared().url });
  expect([status, stdout]).toEqual([1, ""]);
  const option = args[0] === "heartbeat" ? "--heartbeat-token" : "--admin-token";
  expect(stderr).toContain(`(401 unauthorized): check ${option}`);
  expect(stderr).not.toContain("t0ken");
});

test("a router that does not answer is given up after --timeout", async () => {
  await using silent = await TestReplica.start(() => {});
  const { status, stderr } = await warmpath(["apps", "--timeout", "0.2"], { ...TOKENS, WARMPATH_ROUTER: silent.origin });
  expect([status, stderr]).toEqual([1, `error: ${silent.origin} did not answer within 200 ms\n`]);
});

test("a router that stops in the middle of its answer is given up too", async () => {
  await using stalling = await TestReplica.start((_request, response) => response.write("{"));
  const { status, stderr } = await warmpath(["apps", "--timeout", "0.5"], { ...TOKENS, WARMPATH_ROUTER: stalling.origin });
  expect([status, stderr]).toEqual([1, `error: ${stalling.origin} did not answer within 500 ms\n`]);
});

test("what answers and is no router is shown in one line, without what could steer a terminal", async () => {
  await using other = await TestReplica.start((_request, response) => {
    response.statusCode = 403;
    response.end("<html>\n  \u001B[31mLog in\u001B[0m");
  });
  const { status, stdout, stderr } = await warmpath(["apps"], { ...TOKENS, WARMPATH_ROUTER: other.origin });
  expect([status, stdout]).toEqual([1, ""]);
  expect(stderr).toBe(`error: ${other.origin} answered 403, and not as a router does: <html> \ufffd[31mLog in\ufffd[0m\n`);
});

test("an answer with status 200 that is no object is none", async () => {
  await using other = await TestReplica.start((_request, response) => response.end("[]"));
  const { status, stderr } = await warmpath(["apps"], { ...TOKENS, WARMPATH_ROUTER: other.origin });
  expect([status, stderr]).toEqual([1, `error: ${other.origin} answered 200, and not as a router does: []\n`]);
});

test.each(COMMANDS)("$called: an answer with status 200 that is not a router's", async ({ args }) => {
  await using other = await TestReplica.start((_request, response) => response.end('{"status":"ok"}'));
  const { status, stdout, stderr } = await warmpath(args, { ...TOKENS, WARMPATH_ROUTER: other.origin });
  expect([status, stdout]).toEqual([1, ""]);
  expect(stderr).toBe(`error: ${other.origin} answered 200, and not as a router does: {"status":"ok"}\n`);
});

test("apps reads every page, up to its bound", async () => {
  let pages = 3;
  await using paged = await TestReplica.start((request, response) => {
    const after = new URL(request.url ?? "", "http://router").searchParams.get("after") ?? "";
    const number = after === "" ? 1 : Number(after) + 1;
    response.end(JSON.stringify({ apps: [{ app: `${number}`, since_ms: 0 }], next: number < pages ? `${number}` : null }));
  });
  const variables = { ...TOKENS, WARMPATH_ROUTER: paged.origin };
  const { apps } = JSON.parse((await warmpath(["apps", "--json"], variables)).stdout) as { apps: { app: string }[] };
  expect(apps.map(({ app }) => app)).toEqual(["1", "2", "3"]);
  pages = Infinity;
  expect(await warmpath(["apps"], variables)).toMatchObject({ status: 1, stdout: "" });
  expect(paged.received).toHaveLength(3 + LIMITS.pages);
});

test("no token follows a redirect", async () => {
  await using target = await TestReplica.start();
  await using other = await TestReplica.start((_request, response) => {
    response.writeHead(302, { location: `${target.origin}/` }).end();
  });
  const { status, stderr } = await warmpath(["apps"], { ...TOKENS, WARMPATH_ROUTER: other.origin });
  expect(status).toBe(1);
  expect(stderr).toContain("answered 302");
  expect(other.received).toHaveLength(1);
  expect(target.received).toEqual([]);
});

test("options count before variables", async () => {
  const args = ["apps", "--router", shared().url, "--admin-token", "admin-token"];
  expect(await warmpath(args, { ...TOKENS, WARMPATH_ROUTER: closed })).toMatchObject({ status: 0, stderr: "" });
  expect((await warmpath(["apps", "--router", closed], reaching(shared()))).status).toBe(1);
});
