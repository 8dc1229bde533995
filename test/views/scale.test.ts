// How many replicas an app should have: what the answer says, and how a fleet fares whose autoscaler obeys it, in simulated time.
import { describe, expect, test } from "vitest";
import { LIMITS } from "../../src/routing/limits.ts";
import { DemandHistory } from "../../src/views/demand.ts";
import { SCALE_DEFAULTS, scaleOf, type ScaleOptions } from "../../src/views/scale.ts";
import { setDrained } from "../../src/routing/ledger/membership.ts";
import { driver, type Driver } from "../routing/support/driver.ts";
import { COLD_MS, known, type Said } from "../routing/support/fleets.ts";
import { autoscaled, type Poll, type Run, type Workload } from "./support/autoscaled.ts";

const MINUTE_MS = 60_000;
const WINDOW_MS = SCALE_DEFAULTS.windowMs;

/** A fleet that is watched since 0. `at` plays the time up to a moment. */
function watched(replicas: Readonly<Record<string, Said>>) {
  const fleet = driver(replicas);
  const history = new DemandHistory();
  history.note(fleet.its, 0);
  const told = (now: number, options: Partial<ScaleOptions> = {}) => {
    history.note(fleet.its, now);
    return scaleOf(fleet.its, history, { ...SCALE_DEFAULTS, ...options }, now);
  };
  /** A request that runs or waits from then on. */
  const arrives = (id: number, now: number, rest: Parameters<Driver["arrives"]>[3] = {}) => {
    const what = fleet.arrives(id, [], now, { deadlineMs: Infinity, ...rest });
    history.note(fleet.its, now);
    return what;
  };
  const ends = (id: number, now: number) => {
    fleet.ends(id, now);
    fleet.dispatches(now);
    history.note(fleet.its, now);
  };
  return { ...fleet, history, told, arrives, ends };
}

describe("what is told", () => {
  test("what runs needs its mean number of slots, at the utilisation that is asked for", () => {
    const fleet = watched({ a: { concurrency: 4 }, b: { concurrency: 4 } });
    for (const id of [1, 2, 3]) fleet.arrives(id, 0);
    const told = fleet.told(WINDOW_MS);
    expect(told).toMatchObject({ desired_replicas: 2, reasons: ["demand"], replicas: 2, slots: 8, slots_per_replica: 4 });
    expect(told).toMatchObject({ running: 3, mean_running: 3, utilisation: 0.375, waiting: 0, watched_s: 300 });
    expect(told.peak).toEqual({ ago_s: 0, demand_slots: 4.286, waiting_slots: 0 });
    expect(fleet.told(WINDOW_MS, { target: 1 }).desired_replicas).toBe(1);
    expect(fleet.told(WINDOW_MS, { target: 0.2 }).desired_replicas).toBe(4);
  });

  test("the mean is that of the last minute", () => {
    const fleet = watched({ a: { concurrency: 8 } });
    for (const id of [1, 2, 3, 4]) fleet.arrives(id, 10 * MINUTE_MS);
    expect(fleet.told(10.5 * MINUTE_MS).mean_running).toBe(2);
    expect(fleet.told(11 * MINUTE_MS).mean_running).toBe(4);
    for (const id of [1, 2, 3, 4]) fleet.ends(id, 11 * MINUTE_MS);
    expect(fleet.told(11.5 * MINUTE_MS)).toMatchObject({ mean_running: 2, running: 0 });
    expect(fleet.told(12 * MINUTE_MS).mean_running).toBe(0);
  });

  test("what waits needs slots to be served in `clear_s`, less what is served before a new replica is useful", () => {
    const fleet = watched({ a: { concurrency: 2 } });
    fleet.teaches("", 10_000);
    for (let id = 0; id < 14; id++) fleet.arrives(id, 10 * MINUTE_MS);
    // 12 wait for 10 s each. Nothing ran in the last minute, so the two slots would serve for the 12 s that a load takes: 24 of 120 s.
    const told = fleet.told(10 * MINUTE_MS);
    expect(told).toMatchObject({ waiting: 12, waiting_work_s: 120, load_s: COLD_MS / 1000, reasons: ["waiting"] });
    expect(told.peak.waiting_slots).toBeCloseTo((120 - 24) / 60, 3);
    expect(fleet.told(10 * MINUTE_MS, { clearMs: 6000 }).peak.waiting_slots).toBeCloseTo((120 - 24) / 6, 3);
    expect(fleet.told(10 * MINUTE_MS, { startMs: 48_000 })).toMatchObject({
      load_s: 60,
      peak: { waiting_slots: 0 },
      start_s: 48,
    });
    expect(fleet.told(10 * MINUTE_MS, { clearMs: 6000 }).desired_replicas).toBe(8);
  });

  test("requests of low priority wait for somebody too, and until one was served each counts as a job", () => {
    const fleet = watched({ a: {} });
    for (const id of [1, 2, 3]) fleet.arrives(id, 0, { priority: id === 1 ? "normal" : "low" });
    expect(fleet.told(0).waiting_work_s).toBe((2 * COLD_MS) / 1000);
    fleet.teaches("", 4000);
    fleet.arrives(4, 0, { priority: "low" });
    expect(fleet.told(0).waiting_work_s).toBe(4);
  });

  test("what was needed within the window is not taken away, and then it is", () => {
    const fleet = watched({ a: {}, b: {}, c: {}, d: {} });
    for (const id of [1, 2, 3]) fleet.arrives(id, 0);
    for (const id of [1, 2, 3]) fleet.ends(id, 2 * MINUTE_MS);
    expect(fleet.told(6 * MINUTE_MS)).toMatchObject({ desired_replicas: 4, mean_running: 0 });
    expect(fleet.told(6 * MINUTE_MS).reasons).toEqual(["demand", "recent", "tolerance"]);
    expect(fleet.told(6 * MINUTE_MS).peak.ago_s).toBe(240);
    expect(fleet.told(6 * MINUTE_MS, { windowMs: MINUTE_MS })).toMatchObject({ desired_replicas: 0, reasons: ["idle"] });
    expect(fleet.told(9 * MINUTE_MS)).toMatchObject({ desired_replicas: 0, reasons: ["idle"], last_request_s: 540 });
  });

  test("nothing is taken away from a fleet that was not watched for the window, as after a restart", () => {
    const fleet = watched({ a: {}, b: {}, c: { status: "starting" }, gone: { status: "draining" } });
    expect(fleet.told(MINUTE_MS)).toMatchObject({ desired_replicas: 3, reasons: ["unwatched"], replicas: 3, watched_s: 60 });
    expect(fleet.told(WINDOW_MS)).toMatchObject({ desired_replicas: 0, reasons: ["idle"] });
  });

  test("one is kept while a request came within the window or is still there", () => {
    const fleet = watched({ a: {} });
    fleet.arrives(1, 5 * MINUTE_MS);
    fleet.ends(1, 5 * MINUTE_MS);
    expect(fleet.told(9 * MINUTE_MS)).toMatchObject({ desired_replicas: 1, reasons: ["request"] });
    expect(fleet.told(10 * MINUTE_MS)).toMatchObject({ desired_replicas: 0 });
    fleet.arrives(2, 11 * MINUTE_MS);
    expect(fleet.told(30 * MINUTE_MS, { target: 1 })).toMatchObject({ desired_replicas: 1, last_request_s: 1140 });
  });

  test("an app without replicas is told one once a request came, and more only if its slots are known", () => {
    const fleet = watched({});
    expect(fleet.told(0)).toMatchObject({ desired_replicas: 0, reasons: ["idle"], slots_per_replica: null, utilisation: null });
    expect(fleet.told(0).last_request_s).toBeNull();
    expect(fleet.arrives(1, MINUTE_MS)).toBe("no_replicas");
    expect(fleet.told(MINUTE_MS)).toMatchObject({ desired_replicas: 1, reasons: ["request"] });
    expect(fleet.told(2 * MINUTE_MS)).toMatchObject({ desired_replicas: 1, last_request_s: 60 });
    expect(fleet.told(7 * MINUTE_MS)).toMatchObject({ desired_replicas: 0 });
    fleet.history.requested(8 * MINUTE_MS);
    expect(fleet.told(8 * MINUTE_MS)).toMatchObject({ desired_replicas: 1, last_request_s: 0 });
  });

  test("requests that wait for the first replica count by the slots that are asked for", () => {
    const fleet = watched({ a: { status: "starting" } });
    for (let id = 0; id < 40; id++) fleet.arrives(id, 0);
    fleet.hears("a", { status: "stopped" }, 1000);
    expect(fleet.told(1000)).toMatchObject({ desired_replicas: 1, reasons: ["waiting"], waiting: 40, replicas: 0 });
    expect(fleet.told(1000, { slots: 2 })).toMatchObject({ desired_replicas: 4, slots_per_replica: 2 });
  });

  test("floor and ceiling hold, and are a reason where they change the number", () => {
    const fleet = watched({ a: {} });
    expect(fleet.told(WINDOW_MS, { min: 2 })).toMatchObject({ desired_replicas: 2, reasons: ["min"] });
    for (let id = 0; id < 40; id++) fleet.arrives(id, WINDOW_MS);
    expect(fleet.told(WINDOW_MS, { max: 3 })).toMatchObject({ desired_replicas: 3, reasons: ["waiting", "tolerance", "max"] });
    expect(fleet.told(WINDOW_MS, { min: 0, max: 0 }).desired_replicas).toBe(0);
    expect(fleet.told(WINDOW_MS).reasons).toEqual(["waiting", "tolerance"]);
  });

  test("a tenth is no reason to change what is there, a drained replica is not there", () => {
    const replicas = Object.fromEntries(Array.from({ length: 10 }, (_, place) => [`r${place}`, {}]));
    const fleet = watched(replicas);
    for (let id = 0; id < 7; id++) fleet.arrives(id, 0);
    const told = (target: number) => fleet.told(WINDOW_MS, { target });
    expect(told(0.7)).toMatchObject({ desired_replicas: 10, reasons: ["demand"] });
    expect(told(0.64)).toMatchObject({ desired_replicas: 10, reasons: ["demand", "tolerance"] });
    expect(told(0.62)).toMatchObject({ desired_replicas: 11 });
    expect(told(0.77)).toMatchObject({ desired_replicas: 10, reasons: ["demand"] });
    expect(told(0.78)).toMatchObject({ desired_replicas: 9 });
    setDrained(fleet.its.fleet, known(fleet.its.fleet, "r9"), true);
    expect(told(0.7)).toMatchObject({ desired_replicas: 10, replicas: 9, slots: 9 });
  });

  test("the history is bounded, whatever the clock does", () => {
    const fleet = watched({ a: {} });
    fleet.arrives(1, 0);
    const most = LIMITS.demandSteps * LIMITS.demandStepMs;
    const steps = (now: number) => {
      fleet.history.note(fleet.its, now);
      return [...fleet.history.stepsOf(2 * most, now)];
    };
    for (let now = 0; now < 1.5 * most; now += 7000) steps(now);
    expect(steps(1.5 * most)).toHaveLength(LIMITS.demandSteps);
    expect(steps(50 * most)).toHaveLength(LIMITS.demandSteps);
    expect(new Set(steps(50 * most).map(({ running }) => running))).toEqual(new Set([1]));
    expect(steps(49 * most).length).toBeLessThanOrEqual(LIMITS.demandSteps);
    expect(fleet.told(49 * most).desired_replicas).toBe(2);
  });
});

const BASE: Workload = {
  ...{ seed: 1, seconds: 3600, perSecond: () => 0, mostPerSecond: 30, serviceS: 2, slots: 1, startS: 30, loadS: 10 },
  ...{ options: { max: 60 }, replicas: 1 },
};
/** Slots that so many requests a second use. */
const used = (perSecond: number) => perSecond * BASE.serviceS;
const between = ({ polls }: Run, fromS: number, toS: number) => polls.filter(({ atS }) => atS >= fromS && atS < toS);
const desired = (polls: readonly Poll[]) => polls.map((poll) => poll.desired_replicas);
const waitedS = ({ waits }: Run, fromS: number, toS: number) =>
  waits.filter(({ atS }) => atS >= fromS && atS < toS).map((wait) => wait.waitedS);

/** How often the number goes the other way than it went before. */
function turns(numbers: readonly number[]): number {
  const ways = numbers.slice(1).map((number, place) => Math.sign(number - (numbers[place] ?? 0)));
  const moves = ways.filter((way) => way !== 0);
  return moves.filter((way, place) => place > 0 && way !== moves[place - 1]).length;
}

describe.each([1, 2, 3])("a fleet that is scaled by that, seed %i", (seed) => {
  const run = (workload: Partial<Workload>) => autoscaled({ ...BASE, seed, ...workload });

  test.each([2, 10])("steady load, %i requests a second: enough replicas, not too many, and no flapping", (perSecond) => {
    const its = run({ perSecond: () => perSecond });
    const numbers = desired(between(its, 900, 3600));
    expect(Math.min(...numbers)).toBeGreaterThanOrEqual(Math.ceil(used(perSecond)));
    expect(Math.max(...numbers)).toBeLessThanOrEqual(Math.ceil((1.5 * used(perSecond)) / SCALE_DEFAULTS.target));
    expect(turns(numbers)).toBeLessThanOrEqual(4);
    expect(Math.max(...waitedS(its, 900, 3600))).toBeLessThan(10);
    expect(its.refused).toBe(0);
  });

  test("a step up: what waits meanwhile is cleared in time, and the excess goes once", () => {
    const its = run({ perSecond: (atS) => (atS < 1200 ? 1 : 10) });
    // 30 s to start and 10 to load are out of anybody's hands, and a poll is up to 15 s late. The load that goes on is found out by what waits, so
    // that what came meanwhile takes a second minute.
    const usefulS = 1200 + 15 + 30 + 10;
    expect(Math.max(...waitedS(its, 1200, 3600))).toBeLessThan(90);
    expect(between(its, usefulS + 2 * 60 + 15, 3600).every(({ waiting, slots }) => waiting <= slots)).toBe(true);
    const after = desired(between(its, 1200, 3600));
    expect(Math.max(...after)).toBeLessThanOrEqual(60);
    expect(after.at(-1)).toBeLessThanOrEqual(Math.ceil((1.3 * used(10)) / SCALE_DEFAULTS.target));
    expect(turns(desired(between(its, 1200, 2400)))).toBeLessThanOrEqual(3);
  });

  test("a step down: nothing goes within the window, then it goes, and enough stays", () => {
    const its = run({ perSecond: (atS) => (atS < 1200 ? 10 : 1) });
    const before = desired(between(its, 1100, 1200)).at(-1) ?? 0;
    expect(desired(between(its, 1200, 1440)).every((number) => number >= before - 2)).toBe(true);
    const after = desired(between(its, 1620, 3600));
    expect(Math.max(...after)).toBeLessThanOrEqual(Math.ceil((2 * used(1)) / SCALE_DEFAULTS.target));
    expect(Math.min(...after)).toBeGreaterThanOrEqual(used(1));
    expect(Math.max(...waitedS(its, 1260, 3600))).toBeLessThan(15);
  });

  test("a burst: cleared in time within the ceiling, and over a window later", () => {
    const its = run({ perSecond: (atS) => (atS >= 1200 && atS < 1230 ? 20 : 0.5) });
    const clearedS = 1230 + 15 + 30 + 10 + 60;
    expect(Math.max(...between(its, clearedS, clearedS + 120).map(({ waiting }) => waiting))).toBeLessThan(3);
    const most = Math.max(...desired(its.polls));
    expect(most).toBeGreaterThan(10);
    expect(most).toBeLessThanOrEqual(60);
    expect(Math.max(...desired(between(its, 1700, 3600)))).toBeLessThanOrEqual(4);
    expect(turns(desired(between(its, 1200, 1700)))).toBeLessThanOrEqual(2);
    const capped = run({ perSecond: (atS) => (atS >= 1200 && atS < 1230 ? 20 : 0.5), options: { min: 1, max: 5 } });
    expect(Math.max(...desired(capped.polls), ...capped.polls.map(({ there }) => there))).toBe(5);
    expect(Math.min(...desired(capped.polls))).toBeGreaterThanOrEqual(1);
    expect(capped.polls.at(-1)?.waiting).toBe(0);
  });

  test("silence: to zero a window after the last request, not before, and up again with the next one", () => {
    const its = run({ perSecond: (atS) => (atS < 600 || atS >= 2400 ? 2 : 0) });
    const lastS = Math.max(...its.waits.filter(({ atS }) => atS < 600).map(({ atS }) => atS));
    expect(Math.min(...desired(between(its, 100, lastS + 299)))).toBeGreaterThanOrEqual(1);
    // The mean that fades takes a minute, and the last request some seconds.
    expect(desired(between(its, lastS + 300 + 90, 2400)).every((number) => number === 0)).toBe(true);
    expect(between(its, 2000, 2400).every(({ there }) => there === 0)).toBe(true);
    expect(desired(between(its, 2430, 2500))[0]).toBeGreaterThanOrEqual(1);
    expect(Math.min(...desired(between(its, 2800, 3600)))).toBeGreaterThanOrEqual(used(2));
  });

  test("replicas of many slots", () => {
    const its = run({ perSecond: () => 10, slots: 8, serviceS: 5 });
    const numbers = desired(between(its, 900, 3600));
    expect(Math.min(...numbers)).toBeGreaterThanOrEqual(7);
    expect(Math.max(...numbers)).toBeLessThanOrEqual(13);
    expect(turns(numbers)).toBeLessThanOrEqual(4);
  });
});
