// What an administrator's dashboard asks the running router: the last hour, the queue, who holds what.
import { afterAll, beforeAll, expect, test } from "vitest";
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

const ask = (app: string, hint: string) => router.send(`/${app}/x`, { headers: { "x-fal-runner-hint": hint } });

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
