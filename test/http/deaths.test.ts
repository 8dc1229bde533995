// Replicas die under load, and no client whose requests can be sent again loses one.
import { afterAll, beforeAll, expect, test } from "vitest";
import { TestReplica } from "../support/replica.ts";
import { TestRouter, type Reply } from "../support/router.ts";
import { until } from "../support/until.ts";

const REPLICAS = 8;
const CONCURRENCY = 2;
const SERVICE_MS = 20;

let router: TestRouter;
beforeAll(async () => {
  router = await TestRouter.start();
});
afterAll(async () => {
  await router[Symbol.asyncDispose]();
});

async function fleet(app: string): Promise<readonly TestReplica[]> {
  const replicas: TestReplica[] = [];
  for (let index = 0; index < REPLICAS; index++) {
    const replica = await TestReplica.start((_request, response) => setTimeout(() => response.end("ok"), SERVICE_MS));
    replicas.push(replica);
    await router.join({ app, replica: `r${index}`, origin: replica.origin, hints: [`h${index}`], concurrency: CONCURRENCY });
  }
  return replicas;
}

/** Clients that send one request after the other, every second one with a body, until they are told to stop. */
function load(app: string, clients: number) {
  const replies: Reply[] = [];
  let stop = false;
  const client = async (number: number) => {
    for (let sent = number; !stop; sent++) {
      const body = sent % 2 === 0 ? {} : { method: "POST", body: "x".repeat(1000) };
      replies.push(await router.send(`/${app}/x`, { ...body, headers: { "x-fal-runner-hint": `h${sent % REPLICAS}` } }));
    }
  };
  const all = Promise.all(Array.from({ length: clients }, (_, number) => client(number)));
  return {
    replies,
    end: async () => {
      stop = true;
      await all;
    },
  };
}

test.each([1, 4])("%i of 8 die under load: no request fails, none runs beyond a replica's concurrency", async (deaths) => {
  const app = `deaths-${deaths}`;
  const replicas = await fleet(app);
  // More clients than slots: some requests wait.
  const traffic = load(app, REPLICAS * CONCURRENCY + 8);
  await until("the fleet is under load", () => traffic.replies.length > 50);
  await until("those that will die are busy", () => replicas.slice(0, deaths).every(({ running }) => running > 0));
  const dying = replicas.slice(0, deaths);
  await Promise.all(dying.map((replica) => replica[Symbol.asyncDispose]()));
  const diedAfter = traffic.replies.length;
  await until("the rest serves", () => traffic.replies.length > diedAfter + 100);
  await traffic.end();
  expect(traffic.replies.filter(({ status, text }) => status !== 200 || text !== "ok")).toEqual([]);
  const { counters, in_flight: inFlight, waiting, replicas: views } = await router.view(app);
  expect([inFlight, waiting, counters.ejected]).toEqual([0, 0, deaths]);
  expect(views.filter(({ on_probation: onProbation }) => onProbation).map(({ replica }) => replica)).toEqual(
    dying.map((_, index) => `r${index}`),
  );
  expect(Math.max(...replicas.map(({ most }) => most))).toBeLessThanOrEqual(CONCURRENCY);
  for (const replica of replicas.slice(deaths)) await replica[Symbol.asyncDispose]();
});
