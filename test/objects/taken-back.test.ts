// A request whose slot the Fleet object took back, because the replica reported fewer requests. The object still knows the request.
import { env } from "cloudflare:workers";
import { expect, test } from "vitest";
import type { EnqueueRequest } from "../../durable-objects/fleet-answers.ts";
import type { WatchEnd } from "../../durable-objects/pending-requests.ts";
import type { Heartbeat } from "../../src/routing/ledger/report.ts";
import { until } from "../support/until.ts";

test("the request is watched like any other, and is not taken for a request of before a restart", async () => {
  const app = "taken-back";
  const stub = env.FLEET.getByName(app);
  const says: Heartbeat = {
    ...{ app, replica: "r", origin: "https://gpu.example.com", incarnation: 1, sequence: null },
    ...{ hints: [], hintSlots: 3, concurrency: 1, inFlight: 0, status: "ready" },
  };
  await stub.heartbeat(says);
  const request: EnqueueRequest = {
    hints: [],
    avoid: [],
    waitedMs: 0,
    timeoutMs: 60_000,
    queueLengthMax: null,
    declaredMs: null,
    priority: "normal" as const,
    successes: [],
    after: null,
  };
  const held = (await stub.enqueue(request)) as unknown as { result: { id: number }; ticket: Disposable };
  await until("its slot is taken back", async () => {
    await stub.heartbeat(says);
    return (await stub.view())?.in_flight === 0;
  });
  let known: WatchEnd | null = null;
  const running = stub.running(held.result.id).then((answer) => (known = answer));
  await stub.view();
  expect(known).toBe(null);
  held.ticket[Symbol.dispose]();
  expect(await running).toBe("over");
  expect(await stub.running(held.result.id)).toBe("unknown");
});
