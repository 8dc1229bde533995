// Replicas that fail requests: which requests fail, when, what it costs, and what the router is told.
import { expect, test } from "vitest";
import { IDLE_TIMEOUT_MS, NO_FAULTS, type Faults } from "../../bench/simulate/faults.ts";
import type { Run } from "../../bench/simulate/outcome.ts";
import { seeded } from "../../bench/simulate/random.ts";
import type { Answer, MakeRouter } from "../../bench/simulate/router.ts";
import { BASELINES } from "../../bench/simulate/routers/index.ts";
import { simulate, type WorldOptions } from "../../bench/simulate/world.ts";

const SERVICE_MS = 1000;
const LOAD_MS = 300;
const EVERY_MS = 10_000;
/** One after the other; `b` is the most frequent. */
const HINTS = ["a", "b", "b", "c", "b", "a"];

/** What the router was told of each request, in order. */
interface Told {
  readonly answers: (Answer & { readonly id: number; readonly atMs: number })[];
  readonly brokeOff: { readonly id: number; readonly atMs: number }[];
}

/** Each request goes to the replica that `to` says as it arrives. */
function play(
  faults: Partial<Faults>,
  { to = () => 0, hints = HINTS, ...options }: Partial<WorldOptions> & { to?: (id: number) => number; hints?: string[] } = {},
): { readonly run: Run; readonly told: Told } {
  const told: Told = { answers: [], brokeOff: [] };
  const make: MakeRouter = (actions) => ({
    report: () => null,
    arrive: ({ id }) => actions.send(id, to(id)),
    answered: (id, answer, atMs) => void told.answers.push({ id, atMs, ...answer }),
    finished() {},
    brokeOff: (id, atMs) => void told.brokeOff.push({ id, atMs }),
    failed() {},
    tick() {},
    nextEventMs: () => Infinity,
  });
  const workload = hints.map((hint, index) => ({ atMs: index * EVERY_MS, hint, serviceMs: SERVICE_MS }));
  const run = simulate(workload, make, { ...world(faults), ...options });
  return { run, told };
}

function world(faults: Partial<Faults>): WorldOptions {
  return {
    ...{ replicas: 3, slots: 2, concurrency: 1, loadMs: () => LOAD_MS, heartbeatMs: 1000, timeToLiveMs: 3000 },
    ...{ faults: { ...NO_FAULTS, ...faults }, costs: false, random: seeded(1), faultRandom: seeded(2) },
  };
}

const failedIds = ({ outcomes }: Run) => outcomes.flatMap(({ failed }, id) => (failed ? [id] : []));

test("without such faults every answer is a 200", () => {
  const { run, told } = play({});
  expect(failedIds(run)).toEqual([]);
  expect(told.answers.map(({ status }) => status)).toEqual(HINTS.map(() => 200));
});

test("a replica that can't load the most frequent hint: 500 after a load's time, and nothing is loaded", () => {
  const { run, told } = play({ failingHint: true });
  expect(failedIds(run)).toEqual([1, 2, 4]);
  expect(told.answers.map(({ status }) => status)).toEqual([200, 500, 500, 200, 500, 200]);
  expect(told.answers[1]).toEqual({ id: 1, atMs: EVERY_MS + LOAD_MS, status: 500, hints: ["a"] });
  expect(run.outcomes[1]).toMatchObject({ served: false, failed: true, inSystemMs: LOAD_MS });
  expect(run.outcomes.map(({ cold }) => cold).filter((cold) => cold === "load")).toHaveLength(2);
});

test("a named hint fails at the first replica only", () => {
  expect(failedIds(play({ failingHint: "a" }).run)).toEqual([0, 5]);
  expect(failedIds(play({ failingHint: "a" }, { to: () => 1 }).run)).toEqual([]);
  expect(failedIds(play({ failingHint: "nonesuch" }).run)).toEqual([]);
});

test("the second replica fails fast: 500 to everything in 5 ms", () => {
  const { run } = play({ failsFast: true }, { to: (id) => id % 3 });
  expect(failedIds(run)).toEqual([1, 4]);
  expect(run.outcomes[1]).toMatchObject({ served: false, inSystemMs: 5 });
});

test("where there is one replica, it is the faulty one", () => {
  expect(failedIds(play({ failsFast: true }, { replicas: 1 }).run)).toEqual(HINTS.map((_, id) => id));
});

test("the third replica stalls after its headers, and is cut off", () => {
  const headersMs = LOAD_MS + SERVICE_MS;
  const { run, told } = play({ stalls: true }, { to: () => 2, hints: ["a"] });
  expect(told.answers).toEqual([{ id: 0, atMs: headersMs, status: 200, hints: ["a"] }]);
  expect(told.brokeOff).toEqual([{ id: 0, atMs: headersMs + IDLE_TIMEOUT_MS }]);
  expect(run.outcomes[0]).toMatchObject({ served: false, failed: true, inSystemMs: headersMs + IDLE_TIMEOUT_MS });
});

test("a share of answers fails after its usual time, the same requests under every policy", () => {
  const hints = Array.from({ length: 2000 }, (_, index) => `h${index % 3}`);
  const { run } = play({ errorShare: 0.1 }, { hints });
  const failing = failedIds(run);
  expect(failing.length).toBeGreaterThan(150);
  expect(failing.length).toBeLessThan(250);
  expect(run.outcomes[failing[5] ?? 0]?.inSystemMs).toBeGreaterThanOrEqual(SERVICE_MS);
  const workload = hints.map((hint, index) => ({ atMs: index * EVERY_MS, hint, serviceMs: SERVICE_MS }));
  for (const name of ["least-loaded", "fal"]) {
    const make = BASELINES[name];
    if (make === undefined) throw new Error(`no baseline is called ${name}`);
    expect(failedIds(simulate(workload, make, world({ errorShare: 0.1 })))).toEqual(failing);
  }
});
