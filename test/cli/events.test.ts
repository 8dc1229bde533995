// What happens to a fleet and what waits there, as the command line shows it of a real router.
import { afterEach, expect, test } from "vitest";
import type { EventsView, EventView } from "../../src/views/events.ts";
import { freshApp, sharedRouter } from "../support/conformance.ts";
import { holdAnswers } from "../support/held.ts";
import { TestReplica } from "../support/replica.ts";
import { until } from "../support/until.ts";
import { reaching, rowsIn, start, warmpath, type Started } from "../support/warmpath.ts";

const shared = sharedRouter();
const started: Started[] = [];

afterEach(() => {
  for (const { child } of started.splice(0)) child.kill("SIGKILL");
});

async function printed(...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await warmpath(args, reaching(shared()));
  expect([status, stderr]).toEqual([0, ""]);
  return stdout;
}

function follows(app: string, ...more: string[]): Started {
  const its = start(["events", app, "--follow", ...more], reaching(shared()));
  started.push(its);
  return its;
}

const drain = (app: string) => shared().admin(`/-/apps/${app}/replicas/gpu-1/drain`, "POST");

test("events shows when what happened to whom, as a table and as JSON", async () => {
  await using replica = await TestReplica.start();
  const app = freshApp();
  await shared().join({ app, replica: "gpu-1", origin: replica.origin, hints: ["sdxl"] });
  await drain(app);
  const rows = rowsIn(await printed("events", app));
  expect(rows[0]).toEqual(["time", "event", "replica", "what"]);
  expect(rows.slice(1).map(([, ...row]) => row)).toEqual([
    ["object_started", "-", "The app's object started; no replica was stored."],
    ["joined", "gpu-1", `Joined at ${replica.origin}, ready, with 1 slot and 1 hint.`],
    ["drained", "gpu-1", "Was drained by an administrator, with nothing running."],
  ]);
  for (const [time = ""] of rows.slice(1)) expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  expect(JSON.parse(await printed("events", app, "--json"))).toEqual((await shared().admin(`/-/apps/${app}/events`)).json());
});

test("events --follow goes on, through a restart of the router, and Ctrl-C ends it with 130", async () => {
  await using replica = await TestReplica.start();
  const app = freshApp();
  await shared().join({ app, replica: "gpu-1", origin: replica.origin });
  const { child, said, ended } = follows(app);
  await until("it shows what was", () => said.stdout.includes("joined"));
  await drain(app);
  await until("it shows what comes", () => said.stdout.includes("drained"));
  await shared().restart(() => until("it says that the router is gone", () => said.stdout.includes("can't be reached")));
  await until("it shows the new object's start", () => said.stdout.includes("restarted, with its replica"));
  child.kill("SIGINT");
  const { status, stdout, stderr } = await ended;
  expect([status, stderr]).toEqual([130, ""]);
  const lines = stdout.trimEnd().split("\n");
  expect(lines.map((line) => line.split(/ {2,}/)[1] ?? line.slice(0, 6))).toEqual([
    ...["event", "object_started", "joined", "drained", "error:", "object_started"],
  ]);
});

test("events --follow --json prints a line an event", async () => {
  await using replica = await TestReplica.start();
  const app = freshApp();
  await shared().join({ app, replica: "gpu-1", origin: replica.origin });
  const { child, said, ended } = follows(app, "--json");
  await until("it shows what was", () => said.stdout.includes("joined"));
  await drain(app);
  await until("it shows what comes", () => said.stdout.includes("drained"));
  child.kill("SIGINT");
  const lines = (await ended).stdout.trimEnd().split("\n");
  const { events } = (await shared().admin(`/-/apps/${app}/events`)).json<EventsView>();
  expect(lines.map((line) => JSON.parse(line) as EventView)).toEqual(events);
});

test("queue shows who waits, how long still, and why", async () => {
  const held = holdAnswers();
  await using replica = await TestReplica.start(held.answer);
  const app = freshApp();
  await shared().join({ app, replica: "gpu-1", origin: replica.origin, hints: ["sdxl"] });
  expect(await printed("queue", app)).toBe(`${app}: 0 requests waiting (0 high, 0 normal, 0 low)\n`);
  const ask = (headers: Record<string, string>) => shared().send(`/${app}/`, { headers });
  const replies = [ask({ "x-fal-runner-hint": "sdxl" })];
  await until("it runs", () => held.holding === 1);
  replies.push(ask({ "x-fal-runner-hint": "sdxl, flux", "x-fal-queue-priority": "high", "x-fal-request-timeout": "100" }));
  await until("one waits", async () => (await shared().view(app)).waiting === 1);
  replies.push(ask({}));
  await until("two wait", async () => (await shared().view(app)).waiting === 2);
  const text = await printed("queue", app);
  const asJson = JSON.parse(await printed("queue", app, "--json")) as object;
  held.releaseAll();
  await Promise.all(replies);
  expect(text.split("\n")[0]).toBe(`${app}: 2 requests waiting (1 high, 1 normal, 0 low)`);
  const rows = rowsIn(text.slice(text.indexOf("\n\n") + 2));
  expect(rows.map((row) => row.slice(2))).toEqual([
    ["priority", "hints", "why", "expected", "worth"],
    ["high", "sdxl, flux", "full", "-", "-"],
    ["normal", "-", "full", "-", "-"],
  ]);
  expect(rows[1]?.[1]).toMatch(/^(100|9\d) s$/);
  expect(asJson).toMatchObject({ total: 2, waiting: [{ why: "full", priority: "high" }, { hints: [] }] });
});
