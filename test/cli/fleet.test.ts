// What the command line shows of a real router's fleets, and what it changes there.
import { spawnSync } from "node:child_process";
import { afterEach, expect, test } from "vitest";
import { freshApp, sharedRouter } from "../support/conformance.ts";
import { holdAnswers } from "../support/held.ts";
import { keepsNothing, TestReplica } from "../support/replica.ts";
import { TestRouter } from "../support/router.ts";
import { until } from "../support/until.ts";
import { onTerminal, reaching, rowsIn, start, warmpath, type Started } from "../support/warmpath.ts";

const HINT = "X-Fal-Runner-Hint";
const hasScript = spawnSync("script", ["--version"]).status === 0;
const shared = sharedRouter();
const started: Started[] = [];

afterEach(() => {
  for (const { child } of started.splice(0)) child.kill("SIGKILL");
});

function running(its: Started): Started {
  started.push(its);
  return its;
}

const run = (...args: string[]) => warmpath(args, reaching(shared()));

async function json(...args: string[]): Promise<Record<string, unknown>> {
  const { status, stdout, stderr } = await run(...args, "--json");
  expect([status, stderr]).toEqual([0, ""]);
  return JSON.parse(stdout) as Record<string, unknown>;
}

async function printed(...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await run(...args);
  expect([status, stderr]).toEqual([0, ""]);
  return stdout;
}

/** An app with one replica for each of the lists of hints. */
async function fleet(replica: TestReplica, ...hints: readonly (readonly string[])[]): Promise<string> {
  const app = freshApp();
  for (const [index, its] of hints.entries()) {
    await shared().join({ app, replica: `gpu-${index + 1}`, origin: replica.origin, hints: its, hint_slots: 3 });
  }
  return app;
}

test("apps lists the router's apps, as a table and as JSON", async () => {
  await using replica = await TestReplica.start();
  const app = await fleet(replica, []);
  expect(rowsIn(await printed("apps")).map(([name]) => name)).toContain(app);
  const { apps } = (await shared().admin("/-/apps")).json<{ apps: unknown[] }>();
  expect(await json("apps")).toEqual({ apps });
});

test("replicas shows status, hints held, requests in flight and served", async () => {
  const held = holdAnswers();
  await using replica = await TestReplica.start(held.answer);
  const app = await fleet(replica, ["sdxl", "flux"], []);
  await shared().join({ app, replica: "bare", origin: replica.origin, concurrency: 4, status: "draining" });
  const request = shared().send(`/${app}/`, { headers: { [HINT]: "sdxl" } });
  await until("the replica has the request", () => held.holding === 1);
  const text = await printed("replicas", app);
  held.releaseAll();
  await request;
  expect(text).toMatch(new RegExp(`^${app}: 3 replicas, 0 requests waiting, 1 in flight$`, "m"));
  const rows = rowsIn(text);
  expect(rows[0]).toEqual(["replica", "status", "hints", "in flight", "served", "health", "last error"]);
  expect(rows.slice(1).toSorted(([a = ""], [b = ""]) => (a < b ? -1 : 1))).toEqual([
    ["bare", "draining", "0", "0/4", "0", "ok", "-"],
    ["gpu-1", "ready", "2/3", "1/1", "1", "ok", "-"],
    ["gpu-2", "ready", "0/3", "0/1", "0", "ok", "-"],
  ]);
});

test("replicas --json is the router's own view", async () => {
  await using replica = await TestReplica.start();
  const app = await fleet(replica, ["sdxl"]);
  const view = (await shared().admin(`/-/apps/${app}`)).json<{ replicas: object[] }>();
  const expected = { ...view, replicas: view.replicas.map((its) => ({ ...its, expires_in_ms: expect.any(Number) as number })) };
  expect(await json("replicas", app)).toEqual(expected);
});

test("replicas shows an ejected replica and its last error", async () => {
  const app = freshApp();
  const replica = await TestReplica.start();
  await shared().join({ app, replica: "gone", origin: replica.origin });
  await replica[Symbol.asyncDispose]();
  expect((await shared().send(`/${app}/`)).status).toBe(502);
  const [, row = []] = rowsIn(await printed("replicas", app));
  expect(row[5]).toMatch(/^ejected for \d/);
  const [its] = (await shared().view(app)).replicas;
  expect(row[6]).toContain(`${its?.last_error?.kind}: ${its?.last_error?.detail}, `);
});

test("replicas --watch shows the fleet again and again, through a restart, and Ctrl-C ends it with 130", async () => {
  await using replica = await TestReplica.start();
  const app = await fleet(replica, ["sdxl"]);
  const { child, said, ended } = running(start(["replicas", app, "--watch"], reaching(shared())));
  await until("it shows the fleet", () => said.stdout.includes("gpu-1"));
  await shared().restart(() => until("it says that the router is gone", () => said.stdout.includes("can't be reached")));
  const before = said.stdout.length;
  await until("it shows the fleet again", () => said.stdout.slice(before).includes("gpu-1"));
  child.kill("SIGINT");
  expect(await ended).toMatchObject({ status: 130, stderr: "" });
});

test("replicas --watch --json prints a line each time", async () => {
  await using replica = await TestReplica.start();
  const app = await fleet(replica, ["sdxl"]);
  const { child, said, ended } = running(start(["replicas", app, "--watch", "--json"], reaching(shared())));
  await until("there are two lines", () => said.stdout.split("\n").length === 3);
  child.kill("SIGINT");
  const { status, stdout } = await ended;
  expect(status).toBe(130);
  for (const line of stdout.trim().split("\n")) expect(JSON.parse(line)).toMatchObject({ app });
});

test("explain says in words where a request would go, and shows the candidates", async () => {
  await using replica = await TestReplica.start();
  const app = await fleet(replica, ["sdxl"], ["flux"]);
  const warm = await printed("explain", app, "sdxl");
  expect(warm).toMatch(new RegExp(`^A request for ${app} with sdxl would go to gpu-1 \\(hint_match\\): `));
  const rows = rowsIn(warm);
  expect(rows[0]?.slice(0, 3)).toEqual(["replica", "rank", "warm for"]);
  expect(rows.slice(1).map(([name, , holds]) => [name, holds])).toEqual([
    ["gpu-1 *", "sdxl"],
    ["gpu-2", "-"],
  ]);
  expect(await printed("explain", app, "wan", "sora")).toMatch(/ with wan, sora would go to gpu-[12] \(hash_owner\): /);
  expect(await printed("explain", app)).toMatch(/^A request without hints .*\(least_loaded\)/);
  const said = (await shared().admin(`/-/apps/${app}/explain?hint=wan&hint=sdxl`)).json();
  expect(await json("explain", app, "wan", "sdxl")).toEqual(said);
});

test("explain says that a request would wait, or be refused", async () => {
  const held = holdAnswers();
  await using replica = await TestReplica.start(held.answer);
  const app = await fleet(replica, ["sdxl"]);
  const request = shared().send(`/${app}/`, { headers: { [HINT]: "sdxl" } });
  await until("the replica has the request", () => held.holding === 1);
  const text = await printed("explain", app, "sdxl");
  await shared().join({ app, replica: "gpu-2", origin: replica.origin, hints: ["wan"], hint_slots: 1 });
  const besideCold = await printed("explain", app, "sdxl");
  held.releaseAll();
  await request;
  expect(text).toContain("would wait: no replica that may take it has a free slot.");
  expect(rowsIn(text)[1]).toContain("full");
  expect(besideCold).toMatch(
    / would wait for a warm replica: [\d.]+ s are expected, and up to [\d.]+ s are better than a load\.$/m,
  );
  await using strict = await TestRouter.start({ QUEUE_LENGTH_MAX: "0" });
  await strict.join({ app, replica: "gpu-1", origin: replica.origin, status: "starting" });
  const refused = await warmpath(["explain", app], reaching(strict));
  expect(refused).toMatchObject({ status: 0, stderr: "" });
  expect(refused.stdout).toContain("would be refused (queue_full).");
});

test("drain, undrain and remove change the fleet", async () => {
  await using replica = await TestReplica.start(keepsNothing);
  const app = await fleet(replica, [], []);
  const drained = async () => (await shared().view(app)).replicas.filter((its) => its.drained).map((its) => its.replica);
  expect(await printed("drain", app, "gpu-2")).toBe(`gpu-2 of ${app} gets nothing new.\n`);
  expect(await drained()).toEqual(["gpu-2"]);
  expect(rowsIn(await printed("replicas", app)).find(([name]) => name === "gpu-2")?.[1]).toBe("drained");
  expect(await json("undrain", app, "gpu-2")).toEqual({ app, replica: "gpu-2", drained: false });
  expect(await drained()).toEqual([]);
  expect(await json("remove", app, "gpu-2", "--yes")).toEqual({ app, replica: "gpu-2", deleted: true });
  expect((await shared().view(app)).replicas.map((its) => its.replica)).toEqual(["gpu-1"]);
});

test("names with a slash or a question mark reach the router whole", async () => {
  await using replica = await TestReplica.start();
  const app = `owner/${freshApp()}`;
  await shared().join({ app, replica: "zone/gpu?2", origin: replica.origin });
  expect(await json("drain", app, "zone/gpu?2")).toEqual({ app, replica: "zone/gpu?2", drained: true });
});

test("remove does nothing without --yes where no terminal can ask", async () => {
  await using replica = await TestReplica.start();
  const app = await fleet(replica, []);
  const { status, stdout, stderr } = await run("remove", app, "gpu-1");
  expect([status, stdout]).toEqual([2, ""]);
  expect(stderr).toContain("--yes");
  expect((await shared().view(app)).replicas).toHaveLength(1);
});

test.skipIf(!hasScript)("remove asks on a terminal: only yes removes", async () => {
  await using replica = await TestReplica.start();
  const app = await fleet(replica, []);
  const answering = async (answer: string) => {
    const { child, said, ended } = running(onTerminal(["remove", app, "gpu-1"], reaching(shared())));
    await until("it asks", () => said.stdout.includes("[y/N]"));
    child.stdin?.write(answer);
    return (await ended).status;
  };
  expect(await answering("n\r")).toBe(1);
  expect(await answering("\u0003")).toBe(130);
  expect(await answering("\u0004")).toBe(1);
  expect((await shared().view(app)).replicas).toHaveLength(1);
  expect(await answering("y\r")).toBe(0);
  expect((await shared().admin(`/-/apps/${app}`)).status).toBe(404);
});

test.skipIf(!hasScript)("on a terminal there are colours, and none with NO_COLOR", async () => {
  await using replica = await TestReplica.start();
  const app = await fleet(replica, []);
  const shown = async (variables: Record<string, string>) => {
    const its = running(onTerminal(["replicas", app], { ...reaching(shared()), ...variables }));
    const { status, stdout } = await its.ended;
    expect(status).toBe(0);
    expect(stdout).toContain("gpu-1");
    return stdout;
  };
  expect(await shown({})).toContain("\u001B[");
  expect(await shown({ NO_COLOR: "1" })).not.toContain("\u001B[");
  expect(await printed("replicas", app)).not.toContain("\u001B[");
});

test.skipIf(!hasScript)("replicas --watch draws over what it drew on a terminal, until Ctrl-C", async () => {
  await using replica = await TestReplica.start();
  const app = await fleet(replica, []);
  const { child, said, ended } = running(onTerminal(["replicas", app, "--watch"], reaching(shared())));
  const drawn = () => said.stdout.split("\u001B[H\u001B[2J").slice(1);
  await until("it has drawn twice", () => drawn().length === 2);
  child.stdin?.write("\u0003");
  expect((await ended).status).toBe(130);
  for (const text of drawn()) expect(text).toContain("gpu-1");
});

test.each([
  ["replicas", "nosuch"],
  ["events", "nosuch"],
  ["events", "nosuch", "--follow"],
  ["queue", "nosuch"],
  ["explain", "nosuch", "sdxl"],
  ["drain", "nosuch", "gpu-1"],
  ["undrain", "nosuch", "gpu-1"],
  ["remove", "nosuch", "gpu-1", "--yes"],
])("%s of an unknown app: 1, in words and as JSON", async (...args) => {
  const { status, stdout, stderr } = await run(...args);
  expect([status, stdout]).toEqual([1, ""]);
  expect(stderr).toMatch(/^error: .*nosuch.* \(404 app_not_found\)\n$/);
  const asJson = await run(...args, "--json");
  expect([asJson.status, asJson.stderr]).toEqual([1, ""]);
  expect(JSON.parse(asJson.stdout)).toMatchObject({ error: { type: "app_not_found", status: 404 } });
});

test.each(["drain", "undrain", "remove"])("%s of an unknown replica: 1", async (name) => {
  await using replica = await TestReplica.start();
  const app = await fleet(replica, []);
  const { status, stdout, stderr } = await run(name, app, "nosuch", ...(name === "remove" ? ["--yes"] : []));
  expect([status, stdout]).toEqual([1, ""]);
  expect(stderr).toContain("(404 not_found)");
});

test("hints that no request may have are the router's to refuse", async () => {
  await using replica = await TestReplica.start();
  const app = await fleet(replica, []);
  const { status, stderr } = await run("explain", app, "sd\u00e9");
  expect(status).toBe(1);
  expect(stderr).toContain("(400 bad_request)");
});
