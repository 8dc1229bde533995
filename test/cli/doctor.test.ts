// The doctor finds what is well and what is not, with routers and origins that are really so.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { versionFindings } from "../../cli/doctor/versions.ts";
import { LIMITS } from "../../cli/limits.ts";
import { freshApp, sharedRouter } from "../support/conformance.ts";
import { TestReplica } from "../support/replica.ts";
import { TestRouter } from "../support/router.ts";
import { reaching, warmpath, type Variables } from "../support/warmpath.ts";

interface Finding {
  readonly check: string;
  readonly ok: boolean | null;
  readonly says: string;
  readonly todo: string | null;
}

const shared = sharedRouter({ HEARTBEAT_TOKENS: '{"*":"beat-token","mine":"own-token"}' });

async function diagnosed(variables: Variables, ...args: string[]) {
  const { status, stdout, stderr } = await warmpath(["doctor", "--from", "vars", ...args, "--json"], variables);
  expect(stderr).toBe("");
  const { ok, findings } = JSON.parse(stdout) as { ok: boolean; findings: readonly Finding[] };
  expect(status).toBe(ok ? 0 : 1);
  const of = (check: string) => findings.find((finding) => finding.check === check);
  return { ok, findings, of, wrong: findings.filter((its) => its.ok === false).map((its) => its.check) };
}

test("all is well", async () => {
  const variables = reaching(shared());
  const { ok, findings } = await diagnosed(variables);
  const checks = ["package", "node", "wrangler", "workerd", "router", "clock", "heartbeat token", "admin token"];
  expect(findings.map(({ check }) => check)).toEqual(checks);
  expect(ok).toBe(true);
  const words = await warmpath(["doctor"], variables);
  expect(words).toMatchObject({ status: 0, stderr: "" });
  for (const check of checks) expect(words.stdout).toMatch(new RegExp(`^(ok   |-    )  ${check}: `, "m"));
});

test("what the doctor asks changes nothing", async () => {
  const app = freshApp();
  await diagnosed(reaching(shared()), "--app", app);
  expect((await shared().admin(`/-/apps/${app}`)).status).toBe(404);
});

test("versions other than those of package-lock.json, and packages that are missing", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "warmpath-test-versions-"));
  const locked = { "node_modules/node": "24.0.1", "node_modules/wrangler": "4.0.1", "node_modules/workerd": "1.0.1" };
  const packages = Object.fromEntries(Object.entries(locked).map(([name, version]) => [name, { version }]));
  const put = (file: string, json: object) => {
    mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
    writeFileSync(path.join(folder, file), JSON.stringify(json));
  };
  put("package.json", { version: "0.9.0" });
  put("package-lock.json", { packages });
  put("node_modules/wrangler/package.json", { version: "4.0.0" });
  const said = (running: string) => versionFindings(folder, running).map(({ check, ok, says }) => [check, ok, says]);
  const others = [
    ["wrangler", false, "4.0.0, while package-lock.json names 4.0.1"],
    ["workerd", false, "missing, while package-lock.json names 1.0.1"],
  ];
  expect(said("24.0.1")).toEqual([["package", true, "warmpath 0.9.0"], ["node", true, "24.0.1"], ...others]);
  expect(said("20.0.0")[1]).toEqual(["node", false, "20.0.0, while package-lock.json names 24.0.1"]);
  rmSync(folder, { recursive: true });
});

test("tokens that are wrong are found, each by itself, and not shown", async () => {
  const wrongBeat = await diagnosed({ ...reaching(shared()), WARMPATH_HEARTBEAT_TOKEN: "wr0ng" });
  expect(wrongBeat.wrong).toEqual(["heartbeat token"]);
  const wrongAdmin = await diagnosed({ ...reaching(shared()), WARMPATH_ADMIN_TOKEN: "wr0ng" });
  expect(wrongAdmin.wrong).toEqual(["admin token"]);
  for (const { findings } of [wrongBeat, wrongAdmin]) expect(JSON.stringify(findings)).not.toContain("wr0ng");
});

test("the heartbeat token's app", async () => {
  const variables = { ...reaching(shared()), WARMPATH_HEARTBEAT_TOKEN: "own-token" };
  expect((await diagnosed(variables)).ok).toBe(true);
  expect((await diagnosed(variables, "--app", "mine")).of("heartbeat token")).toMatchObject({ ok: true });
  expect((await diagnosed(variables, "--app", "other")).wrong).toEqual(["heartbeat token"]);
  expect((await diagnosed(variables, "--app", "-")).of("heartbeat token")).toMatchObject({ ok: null });
});

test("tokens that are not given are not checked", async () => {
  const { ok, of } = await diagnosed({ WARMPATH_ROUTER: shared().url });
  expect(ok).toBe(true);
  expect(of("heartbeat token")).toMatchObject({ ok: null });
  expect(of("admin token")).toMatchObject({ ok: null });
});

test("a router that is down, or is none", async () => {
  const other = await TestReplica.start((_request, response) => response.end("hello"));
  const none = await diagnosed({ ...reaching(shared()), WARMPATH_ROUTER: other.origin });
  expect(none.wrong).toEqual(["router"]);
  const variables = { ...reaching(shared()), WARMPATH_ROUTER: other.origin };
  await other[Symbol.asyncDispose]();
  const down = await diagnosed(variables);
  expect(down.wrong).toEqual(["router"]);
  for (const check of ["clock", "heartbeat token", "admin token"]) expect(down.of(check)).toMatchObject({ ok: null });
});

test("a router with misspelt variables, and one with a bad setting", async () => {
  await using router = await TestRouter.start({ ADMIN_TOKENS: "x" });
  const misspelt = await diagnosed(reaching(router));
  expect(misspelt.wrong).toEqual(["router"]);
  expect(misspelt.of("router")?.says).toContain("ADMIN_TOKENS is not a setting: did you mean ADMIN_TOKEN?");
  await router.restart(async () => {}, { MAX_ATTEMPTS: "0" });
  const bad = await diagnosed(reaching(router));
  expect(bad.wrong).toEqual(["router"]);
  expect(bad.of("router")?.todo).toBe("correct MAX_ATTEMPTS");
});

test.each([
  [0, true],
  [LIMITS.clockMs / 2, true],
  [LIMITS.clockMs * 2, false],
  [-LIMITS.clockMs * 2, false],
])("a router whose clock is %d ms ahead", async (aheadMs, ok) => {
  await using other = await TestReplica.start((request, response) => {
    response.setHeader("date", new Date(Date.now() + aheadMs).toUTCString());
    response.end(JSON.stringify(request.url === "/-/apps" ? { apps: [] } : { status: "ok" }));
  });
  const { of } = await diagnosed({ WARMPATH_ROUTER: other.origin });
  expect(of("router")).toMatchObject({ ok: true });
  expect(of("clock")).toMatchObject({ ok });
  if (!ok) expect(of("clock")?.says).toContain(aheadMs > 0 ? "behind" : "ahead of");
});

test("an origin that is reached and admitted", async () => {
  await using replica = await TestReplica.start();
  const args = ["--app", "any-model", "--origin", `${replica.origin}/`, "--set", "ALLOW_PRIVATE_ORIGINS=true"];
  const { ok, of } = await diagnosed(reaching(shared()), ...args);
  expect(ok).toBe(true);
  expect(of("origin")).toMatchObject({ ok: true });
  expect(of("origin's settings")).toMatchObject({ ok: true });
  expect(replica.last).toMatchObject({ method: "OPTIONS", target: "/" });
  expect(replica.last.headers.authorization).toBeUndefined();
});

test("an origin that is not reached, that the settings refuse, that is none, or the router itself", async () => {
  const replica = await TestReplica.start();
  const { origin } = replica;
  await replica[Symbol.asyncDispose]();
  const asked = (...args: string[]) => diagnosed(reaching(shared()), "--app", "any-model", ...args);
  expect((await asked("--origin", origin)).wrong).toEqual(["origin", "origin's settings"]);
  expect((await asked("--origin", origin, "--set", "ALLOW_PRIVATE_ORIGINS=true")).wrong).toEqual(["origin"]);
  expect((await asked("--origin", "http://127.0.0.1:9000/path")).wrong).toEqual(["origin"]);
  const itself = await asked("--origin", shared().url, "--set", "ALLOW_PRIVATE_ORIGINS=true");
  expect(itself.wrong).toEqual(["origin's settings"]);
  const bad = await asked("--origin", shared().url, "--set", "MAX_ATTEMPTS=0");
  expect(bad.of("origin's settings")?.says).toContain("MAX_ATTEMPTS");
});

test("an origin in a private network that this machine is not in: its settings are checked, and nothing is wrong with it", async () => {
  const listed = ["--set", "ALLOW_PRIVATE_ORIGINS=listed", "--set", "ORIGIN_ALLOW=*.fleet.invalid:8000"];
  const { wrong, of } = await diagnosed(
    reaching(shared()),
    "--app",
    "a",
    "--origin",
    "http://gpu-1.fleet.invalid:8000",
    ...listed,
  );
  expect(wrong).toEqual([]);
  expect(of("origin")).toMatchObject({ ok: null });
  expect(of("origin's settings")).toMatchObject({ ok: true });
});

test("a router that was deployed without its settings: which are missing, and that nobody gets in", async () => {
  const nothing = { HEARTBEAT_TOKENS: "", ADMIN_TOKEN: "", ALLOW_PRIVATE_ORIGINS: "", ORIGIN_ALLOW: "" };
  await using router = await TestRouter.start(nothing);
  const { findings, wrong } = await diagnosed(reaching(router));
  expect(wrong).toEqual(["setting", "setting", "heartbeat token", "admin token"]);
  const missing = findings.filter(({ check }) => check === "setting");
  expect(missing.map(({ says }) => says.split(" ", 1)[0])).toEqual(["HEARTBEAT_TOKENS", "ADMIN_TOKEN", "ORIGIN_ALLOW"]);
  for (const { todo } of missing) expect(todo).toMatch(/^set [A-Z_]+/);
});

test("--origin without --app: 2", async () => {
  const { status, stdout, stderr } = await warmpath(["doctor", "--origin", "https://gpu-1.example.com"], reaching(shared()));
  expect([status, stdout]).toEqual([2, ""]);
  expect(stderr).toContain("--app");
});
