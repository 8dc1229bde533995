// One heartbeat by hand, against a real router.
import { expect, test } from "vitest";
import { freshApp, sharedRouter } from "../support/conformance.ts";
import { TestReplica } from "../support/replica.ts";
import { reaching, warmpath } from "../support/warmpath.ts";

const TOKENS = JSON.stringify({ "*": "beat-token", mine: "own-token" });
const shared = sharedRouter({ HEARTBEAT_TOKENS: TOKENS });
const beat = (args: readonly string[], variables: Record<string, string> = {}) =>
  warmpath(["heartbeat", ...args], { ...reaching(shared()), ...variables });

const required = (app: string, origin: string) => ["--app", app, "--replica", "gpu-1", "--origin", origin];

test("a heartbeat with every option registers the replica as they say", async () => {
  await using replica = await TestReplica.start();
  const app = freshApp();
  const all = ["--incarnation", "7", "--sequence", "3", "--hints", "sdxl,flux", "--hint-slots", "3", "--concurrency", "2"];
  const args = [...required(app, replica.origin), ...all, "--in-flight", "0", "--status", "draining"];
  const { status, stdout, stderr } = await beat(args);
  expect([status, stderr]).toEqual([0, ""]);
  expect(stdout).toMatch(/60 s.*3 min/);
  const view = (await shared().admin(`/-/apps/${app}`)).json<{ replicas: unknown[] }>();
  expect(view.replicas).toEqual([
    expect.objectContaining({
      ...{ replica: "gpu-1", origin: replica.origin, incarnation: 7, sequence: 3, status: "draining" },
      ...{ hints: ["sdxl", "flux"], hint_slots: 3, concurrency: 2 },
    }),
  ]);
});

test("options that are not given are not sent; empty hints are an empty list", async () => {
  await using replica = await TestReplica.start();
  const app = freshApp();
  const { status, stdout } = await beat([...required(app, replica.origin), "--json"]);
  expect([status, JSON.parse(stdout)]).toEqual([0, { time_to_live_ms: 180_000, next_heartbeat_ms: 60_000 }]);
  expect((await shared().view(app)).replicas[0]).toMatchObject({ hints: null, hint_slots: null, concurrency: 1, sequence: null });
  await beat([...required(app, replica.origin), "--hints", ""]);
  expect((await shared().view(app)).replicas[0]?.hints).toEqual([]);
});

test("advice is shown: what a client has announced, by the command too", async () => {
  await using replica = await TestReplica.start();
  const app = freshApp();
  const args = [...required(app, replica.origin), "--hints", "old", "--hint-slots", "1"];
  await beat(args);
  const announced = await warmpath(["warm", app, "new", "old"], reaching(shared()));
  expect(announced.status, announced.stderr).toBe(0);
  expect(announced.stdout).toMatch(/new +0 +0\n *old +1 +0/);
  expect((await beat(args)).stdout).not.toContain("advice");
  await warmpath(["warm", app, "newer"], reaching(shared()));
  await shared().send(`/${app}/x`, { headers: { "x-fal-runner-hint": "old" } });
  expect((await beat(args)).stdout).toContain("advice: load new in the place of old");
  expect((await warmpath(["warm", app, "é"], reaching(shared()))).status).toBe(1);
  expect((await warmpath(["warm", app], reaching(shared()))).status).toBe(2);
});

test("warnings are shown", async () => {
  await using replica = await TestReplica.start();
  const app = freshApp();
  await beat(required(app, replica.origin));
  const { status, stdout } = await beat(["--app", app, "--replica", "gpu-2", "--origin", replica.origin]);
  expect(status).toBe(0);
  expect(stdout).toMatch(/^warning: .*gpu-1/m);
});

test.each([
  ["origin", ["--origin", "ftp://replica.example.com"]],
  ["replica", ["--replica", ".."]],
  ["app", ["--app", "-"]],
  ["hints", ["--hints", "sd\u00e9"]],
  ["hint_slots", ["--hint-slots", "1000"]],
  ["concurrency", ["--concurrency", "0.5"]],
  ["in_flight", ["--in-flight=-1"]],
  ["status", ["--status", "asleep"]],
  ["incarnation", ["--incarnation=-1"]],
  ["sequence", ["--sequence", "1e300"]],
])("422 names the field %s and its option", async (field, args) => {
  const option = `--${field.replace("_", "-")}`;
  const all = [...required(freshApp(), "http://127.0.0.1:1"), ...args];
  const { status, stdout, stderr } = await beat(all);
  expect([status, stdout]).toEqual([1, ""]);
  expect(stderr).toContain(`(422 invalid_heartbeat): field ${field}, option ${option}`);
  const asJson = await beat([...all, "--json"]);
  expect(asJson.status).toBe(1);
  expect(JSON.parse(asJson.stdout)).toMatchObject({ error: { type: "invalid_heartbeat", status: 422, field, option } });
});

test("a late heartbeat, a wrong token, a token of another app: 1", async () => {
  await using replica = await TestReplica.start();
  const args = required(freshApp(), replica.origin);
  await beat([...args, "--incarnation", "2"]);
  const late = await beat([...args, "--incarnation", "1"]);
  expect([late.status, late.stdout]).toEqual([1, ""]);
  expect(late.stderr).toContain("(409 stale_heartbeat)");
  const wrong = await beat(args, { WARMPATH_HEARTBEAT_TOKEN: "wr0ng" });
  expect([wrong.status, wrong.stdout]).toEqual([1, ""]);
  expect(wrong.stderr).toContain("(401 unauthorized): check --heartbeat-token");
  const other = await beat([...args, "--heartbeat-token", "own-token"]);
  expect([other.status, other.stdout]).toEqual([1, ""]);
  expect(other.stderr).toContain("(403 forbidden)");
  for (const { stderr } of [wrong, other]) expect(stderr).not.toMatch(/wr0ng|own-token/);
});
