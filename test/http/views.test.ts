// What an administrator asks the running router: the last hour, the queue, who holds what, and what happened.
import { afterAll, beforeAll, expect, test } from "vitest";
import type { EventsView } from "../../src/views/events.ts";
import type { HistoryView } from "../../src/views/history.ts";
import type { MatrixView } from "../../src/views/matrix.ts";
import type { QueueView } from "../../src/views/queue.ts";
import { holdAnswers } from "../support/held.ts";
import { TestReplica } from "../support/replica.ts";
import { TestRouter } from "../support/router.ts";
import { until } from "../support/until.ts";

let router: TestRouter;
beforeAll(async () => {
  router = await TestRouter.start();
});
afterAll(() => router[Symbol.asyncDispose]());

async function get<T>(app: string, what: string): Promise<T> {
  const reply = await router.admin(`/-/apps/${app}/${what}`);
  expect([reply.status, reply.headers["cache-control"]]).toEqual([200, "no-store"]);
  return reply.json<T>();
}

const ask = (app: string, hint: string) => router.send(`/${app}/${hint}`, { headers: { "x-fal-runner-hint": hint } });

test("requests that run, wait and end are in the queue, the matrix and the history", async () => {
  const held = holdAnswers();
  await using replica = await TestReplica.start(held.answer);
  await router.join({ app: "seen", replica: "r", origin: replica.origin, hints: ["m"], hint_slots: 2 });
  const replies = [ask("seen", "n")];
  await until("it loads", () => held.holding === 1);
  replies.push(ask("seen", "m"), ask("seen", "m"));
  await until("two wait", async () => (await get<QueueView>("seen", "queue")).total === 2);
  const { waiting, by_priority: byPriority } = await get<QueueView>("seen", "queue");
  expect(byPriority).toEqual({ high: 0, normal: 2, low: 0 });
  expect(waiting).toMatchObject([1, 2].map(() => ({ hints: ["m"], priority: "normal", why: "full", worth_waiting_s: null })));
  const matrix = await get<MatrixView>("seen", "matrix");
  expect(matrix.hints).toMatchObject([
    { hint: "m", holders: 1, loading: 0 },
    { hint: "n", holders: 0, loading: 1 },
  ]);
  expect(matrix.replicas).toEqual([
    {
      replica: "r",
      cells: [
        [0, 0, null],
        [1, 1, expect.any(Number)],
      ],
    },
  ]);
  expect((await get<MatrixView>("seen", "matrix?hints=1")).hints).toMatchObject([{ hint: "m" }]);
  held.releaseAll();
  await Promise.all(replies);
  await until("nothing waits", async () => (await get<QueueView>("seen", "queue")).total === 0);
  const { minutes } = await get<HistoryView>("seen", "history");
  expect(minutes.every(({ start_ms: startMs }) => startMs % 60_000 === 0)).toBe(true);
  const total = (count: (minute: HistoryView["minutes"][number]) => number) =>
    minutes.reduce((sum, minute) => sum + count(minute), 0);
  expect([total((its) => its.requests), total((its) => its.warm), total((its) => its.loads.first_touch)]).toEqual([3, 2, 1]);
  expect(total((its) => its.reasons.hint_wait)).toBe(2);
});

test.each(["0", "201", "-1", "1.5", "x", ""])("the matrix of %j hints is refused", async (hints) => {
  const reply = await router.admin(`/-/apps/seen/matrix?hints=${hints}`);
  expect([reply.status, reply.headers["x-fal-error-type"]]).toEqual([400, "bad_request"]);
  expect(reply.json()["detail"]).toBe("hints must be a whole number from 1 to 200");
});

test("a replica's life is in the events: joined, loads instead of what, drops, ejected and trusted, drained, a new process, removed", async () => {
  let broken = false;
  await using replica = await TestReplica.start((request, response) => {
    if (broken) return void response.writeHead(503).end();
    if (request.url === "/new") response.setHeader("x-fal-runner-hints", "kept, new");
    response.end("ok");
  });
  const beat = { app: "life", replica: "r", origin: replica.origin, hints: ["old", "kept"], hint_slots: 2 };
  const events = async (after = 0) => get<EventsView>("life", `events?after=${after}`);
  const kinds = async (after = 0) => (await events(after)).events.map(({ kind }) => kind);
  const last = async () => (await events()).next;
  await router.join({ ...beat, status: "starting" });
  await router.join(beat);
  expect(await kinds()).toEqual(["object_started", "joined", "ready"]);
  let before = await last();
  await ask("life", "kept");
  await ask("life", "new");
  await until("the load is told", async () => (await kinds(before)).includes("dropped"));
  const [loaded, dropped] = (await events(before)).events;
  expect(loaded).toMatchObject({ kind: "loaded", replica: "r", hint: "new", load: { kind: "first_touch", evicts: "old" } });
  expect(dropped).toMatchObject({ kind: "dropped", replica: "r", hints: ["old"], detail: "Dropped old." });
  before = await last();
  broken = true;
  await ask("life", "new");
  await ask("life", "new");
  await until("it is ejected", async () => (await kinds(before)).includes("ejected"));
  expect((await events(before)).events[0]?.detail).toMatch(/^Gets nothing for \d+ s \(unavailable, status 503\)\.$/);
  broken = false;
  await until(
    "it is trusted",
    async () => (await ask("life", "new")).status === 200 && (await kinds(before)).includes("trusted"),
  );
  before = await last();
  await router.admin("/-/apps/life/replicas/r/drain", "POST");
  await router.admin("/-/apps/life/replicas/r/undrain", "POST");
  await router.join({ ...beat, incarnation: Date.now() + 1000, status: "draining" });
  await router.join({ ...beat, incarnation: Date.now() + 1000, status: "draining", replica: "r2" });
  await router.admin("/-/apps/life/replicas/r2", "DELETE");
  expect(await kinds(before)).toEqual(["drained", "undrained", "restarted", "joined", "removed"]);
  const { events: all, oldest_kept: oldest, next, since_ms: sinceMs } = await events();
  expect([oldest, next]).toEqual([1, all.length]);
  expect(all.map(({ sequence }) => sequence)).toEqual(all.map((_, place) => place + 1));
  expect(all.every(({ at_ms: atMs }) => atMs >= sinceMs && atMs <= Date.now())).toBe(true);
});

test("after a restart of the router the events begin anew, with the replicas that were stored", async () => {
  await using replica = await TestReplica.start();
  for (const name of ["a", "b"]) await router.join({ app: "again", replica: name, origin: replica.origin });
  const before = await get<EventsView>("again", "events");
  await router.restart();
  const { events, since_ms: sinceMs } = await get<EventsView>("again", "events");
  expect(events).toMatchObject([{ sequence: 1, kind: "object_started", replica: null }]);
  expect(events[0]?.detail).toBe("The app's object restarted, with its 2 replicas.");
  expect(sinceMs).toBeGreaterThan(before.since_ms);
});

test.each(["-1", "x", "1.5", ""])("events after %j are refused", async (after) => {
  const reply = await router.admin(`/-/apps/life/events?after=${after}`);
  expect([reply.status, reply.json()["detail"]]).toEqual([400, "after must be a whole number from 0 to 999999999999999"]);
});

test("the log has a line for each event of a replica but loads and drops, with the app's name from the first on", async () => {
  await using replica = await TestReplica.start();
  await router.join({ app: "logged", replica: "r", origin: replica.origin, hints: ["m"] });
  await ask("logged", "n");
  await router.admin("/-/apps/logged/replicas/r/drain", "POST");
  await router.admin("/-/apps/logged/replicas/r", "DELETE");
  const lines = () =>
    router.log
      .filter((line) => line.includes(`"app":"logged"`))
      .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
  await until("they are logged", () => lines().length >= 3);
  expect(lines().map(({ message, kind, replica: id }) => [message, kind, id])).toEqual(
    ["joined", "drained", "removed"].map((kind) => ["event", kind, "r"]),
  );
});
