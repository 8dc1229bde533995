// Fleets as an operator may find them: what the dashboard's tests and its pictures show.
import type { ServerResponse } from "node:http";
import { TestReplica } from "../support/replica.ts";
import { TOKEN, type TestRouter } from "../support/router.ts";
import { until } from "../support/until.ts";

export const APP = "studio/images";
export const PAGE = `/-/dashboard/${encodeURIComponent(APP)}`;

export const FLEETS = { empty, healthy, overloaded, broken, large } as const;
export type FleetName = keyof typeof FLEETS;

/** Ends what it holds back, and its replicas. */
export type Running = AsyncDisposable;

const HINTS = ["sdxl", "flux", "flux-lora:anime", "sd35", "whisper-large-v3", "llama3:70b", "qwen2.5-vl", "musicgen"];

/** No app at all. */
async function empty(): Promise<Running> {
  return new AsyncDisposableStack();
}

/** Four replicas that have served some requests, cold ones among these. */
async function healthy(router: TestRouter): Promise<Running> {
  const running = new AsyncDisposableStack();
  const replica = running.use(await TestReplica.start());
  for (let at = 0; at < 4; at++)
    await join(router, replica, at, { hints: HINTS.slice(at, at + 2), hint_slots: 3, concurrency: 2 });
  for (let sent = 0; sent < 40; sent++) await send(router, HINTS[sent % (sent % 3 === 0 ? 8 : 3)] ?? "sdxl");
  return running;
}

/** Every slot is taken, and many wait, some with a priority of their own. */
async function overloaded(router: TestRouter): Promise<Running> {
  const running = new AsyncDisposableStack();
  const held: ServerResponse[] = [];
  const replica = running.use(await TestReplica.start((_request, response) => void held.push(response)));
  for (let at = 0; at < 3; at++)
    await join(router, replica, at, { hints: HINTS.slice(at, at + 3), hint_slots: 3, concurrency: 1 });
  const answers: Promise<unknown>[] = [];
  for (let sent = 0; sent < 30; sent++) {
    const priority = sent % 5 === 0 ? "high" : sent % 7 === 0 ? "low" : "normal";
    answers.push(send(router, HINTS[sent % 5] ?? "sdxl", priority).catch(() => null));
  }
  await until("the requests wait", async () => (await router.view(APP)).waiting === 27);
  running.defer(async () => {
    let isOver = false;
    void Promise.all(answers).then(() => (isOver = true));
    await until("the requests are over", () => {
      for (const response of held.splice(0)) response.end("ok");
      return isOver;
    });
  });
  return running;
}

/** One replica is gone without a word, one is drained, one is starting. */
async function broken(router: TestRouter): Promise<Running> {
  const running = new AsyncDisposableStack();
  const good = running.use(await TestReplica.start());
  await join(router, good, 0, { hints: ["flux"], hint_slots: 2 });
  await router.join({ app: APP, replica: "gpu-1", origin: "http://127.0.0.1:9", hints: ["sdxl"], hint_slots: 2 });
  await join(router, good, 2, { hints: ["flux", "sd35"], hint_slots: 2 });
  await join(router, good, 3, { hints: null, status: "starting" });
  await router.admin(`/-/apps/${encodeURIComponent(APP)}/replicas/gpu-2/drain`, "POST");
  for (let sent = 0; sent < 6; sent++) await send(router, sent % 2 === 0 ? "sdxl" : "flux");
  await until("the one that is gone is ejected", async () =>
    (await router.view(APP)).replicas.some(({ ejected_for_ms }) => ejected_for_ms > 0),
  );
  return running;
}

/** 1,000 replicas and 200 hints. Nothing listens there. */
async function large(router: TestRouter): Promise<Running> {
  for (let at = 0; at < 1000; at++) {
    const hints = Array.from({ length: 6 }, (_, each) => `model-${(at * 7 + each * each * 31) % 200}`);
    const origin = `http://127.0.0.1:${20_000 + at}`;
    await router.join({ app: APP, replica: `gpu-${String(at).padStart(4, "0")}`, origin, hints, hint_slots: 8, concurrency: 4 });
  }
  return new AsyncDisposableStack();
}

async function join(router: TestRouter, replica: TestReplica, at: number, more: object): Promise<void> {
  await router.join({ app: APP, replica: `gpu-${at}`, origin: replica.origin, ...more });
}

async function send(router: TestRouter, hint: string, priority = "normal") {
  const headers = { "x-fal-runner-hint": hint, "x-fal-queue-priority": priority, authorization: `Bearer ${TOKEN}` };
  return router.send(`/${APP}/run`, { headers });
}
