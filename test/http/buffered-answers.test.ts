// Answers that are buffered while another replica is tried. The request holds no slot while it waits for that replica. The client gets the buffered answer
// if no other replica can be had.
import type { ServerResponse } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TestReplica, type Answer } from "../support/replica.ts";
import { TestRouter } from "../support/router.ts";
import { until } from "../support/until.ts";

let router: TestRouter;
beforeAll(async () => {
  router = await TestRouter.start({ QUEUE_TIMEOUT_MS: "20000" });
});
afterAll(async () => {
  await router[Symbol.asyncDispose]();
});

let apps = 0;

async function fleet(...answers: readonly Answer[]) {
  const stack = new AsyncDisposableStack();
  const app = `buffered-${++apps}`;
  for (const [index, answer] of answers.entries()) {
    const replica = stack.use(await TestReplica.start(answer));
    // Both are warm, so requests with the hint go to them in turn.
    await router.join({ app, replica: `r${index}`, origin: replica.origin, hints: index === 0 ? ["h"] : [] });
  }
  return { app, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

const CHUNKED = { "retry-after": "1" };
const LONG = "x".repeat(100_000);

test("two replicas that answer 503 in chunks at the same moment: the requests don't wait for each other", async () => {
  const held: ServerResponse[] = [];
  const answer: Answer = (_request, response) => (held.length < 2 ? held.push(response) : response.end("well"));
  await using its = await fleet(answer, answer);
  const both = [router.send(`/${its.app}/1`), router.send(`/${its.app}/2`)];
  await until("both replicas are busy", () => held.length === 2);
  for (const response of held) response.writeHead(503, CHUNKED).end("busy");
  const replies = await Promise.all(both);
  expect(replies.map(({ status, text }) => [status, text])).toEqual([
    [200, "well"],
    [200, "well"],
  ]);
});

describe("a request holds no slot while it waits for another replica, after", () => {
  test.each<[string, string, Answer, number, string]>([
    ["503 in chunks", "GET", (_, response) => response.writeHead(503, CHUNKED).end("busy"), 503, "busy"],
    ["503 with a length", "GET", (_, response) => response.writeHead(503, { "content-length": 4 }).end("busy"), 503, "busy"],
    ["503 to a HEAD", "HEAD", (_, response) => response.writeHead(503, { "content-length": 900_000 }).end(), 503, ""],
    ["503 without a body", "GET", (_, response) => response.writeHead(503, { "content-length": 0 }).end(), 503, ""],
    ["530 in chunks", "GET", (_, response) => response.writeHead(530).end("error code: 1033"), 530, "error code: 1033"],
    ["503 that is too long to keep", "GET", (_, response) => response.writeHead(503, CHUNKED).end(LONG), 502, ""],
    ["503 that never ends", "GET", (_, response) => response.writeHead(503, CHUNKED).write("busy"), 502, ""],
    ["503 that breaks off", "GET", breaksOff, 502, ""],
  ])("%s", async (_, method, bad, status, text) => {
    const held: ServerResponse[] = [];
    await using its = await fleet(bad, (_request, response) => held.push(response));
    const holder = router.send(`/${its.app}/hold`);
    await until("the other one is busy", () => held.length === 1);
    const pending = router.send(`/${its.app}/x`, { method, headers: { "x-fal-runner-hint": "h" } });
    await until("it waits for the other", async () => {
      const { waiting, in_flight: inFlight } = await router.view(its.app);
      return waiting === 1 && inFlight === 1;
    });
    const left = await router.send(`/-/apps/${its.app}/replicas/r1`, {
      method: "DELETE",
      headers: { authorization: "Bearer admin-token" },
    });
    expect(left.status).toBe(200);
    const reply = await pending;
    expect(reply.status).toBe(status);
    if (status !== 502) expect([reply.text, reply.headers["x-fal-served-from"]]).toEqual([text, "r0"]);
    else expect(reply.headers["x-fal-error-type"]).toBe("runner_disconnected");
    held[0]?.end("ok");
    await holder;
  });
});

function breaksOff(_request: unknown, response: ServerResponse): void {
  response.writeHead(503, CHUNKED);
  response.write("bu", () => setImmediate(() => response.socket?.resetAndDestroy()));
}
