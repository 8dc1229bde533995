// What cold requests teach: how long their hints take beside the load, and how long the load takes, as far as the two can be told apart.
import { describe, expect, test } from "vitest";
import {
  countArrival,
  learnAnswer,
  learnColdService,
  learnLoad,
  learnService,
  loadMs,
  meanLoadMs,
  serviceMs,
  type Estimates,
} from "../../src/routing/model/estimates.ts";
import { LIMITS } from "../../src/routing/limits.ts";
import { TUNING } from "../../src/routing/policy/tuning.ts";
import { driver } from "./support/driver.ts";
import { COLD_MS } from "./support/fleets.ts";
import { served, times } from "./support/served.ts";

/** A request that found the hint warm, and was answered when it was over. */
function warmly(estimates: Estimates, hint: string, servingMs: number, answeredMs = servingMs): void {
  countArrival(estimates, hint);
  learnAnswer(estimates, hint, answeredMs);
  learnService(estimates, hint, servingMs, null);
}

/** One that loaded it, and was answered so long after the load. */
function coldly(estimates: Estimates, hint: string, loadingMs: number, servingMs: number, answeredMs = servingMs): void {
  countArrival(estimates, hint);
  learnLoad(estimates, hint, loadingMs + answeredMs);
  learnColdService(estimates, hint, loadingMs + answeredMs, loadingMs + servingMs);
}

/** Requests of ten hints, answered when they are over, each a little sooner or later than expected, and loads of so long. */
function taught(...loadsMs: readonly number[]): Estimates {
  const estimates = served();
  for (let request = 0; request < 200; request++) {
    const servingMs = Math.floor(request / 10) % 2 === 0 ? 9000 : 11_000;
    warmly(estimates, `h${request % 10}`, servingMs);
    const loadingMs = loadsMs[Math.floor(request / 10) % loadsMs.length];
    if (loadingMs !== undefined) coldly(estimates, `h${request % 10}`, loadingMs, 20_000 - servingMs);
  }
  return estimates;
}

describe("where loads are alike, what a cold request held its slot for beyond a load is its service", () => {
  test("so a hint that is never found warm is known too", () => {
    const estimates = taught(COLD_MS);
    for (let request = 0; request < 20; request++) coldly(estimates, "long", COLD_MS, 40_000);
    expect(serviceMs(estimates, "long")).toBeGreaterThan(36_000);
    expect(serviceMs(estimates, "long")).toBeLessThan(41_000);
    // Others' services, of which less is known, stretch the mean load a little.
    expect(loadMs(estimates, "long")).toBeLessThan(1.25 * COLD_MS);
  });

  test("and its family's, and what new hints take", () => {
    const [estimates, before] = [taught(COLD_MS), taught(COLD_MS)];
    coldly(estimates, "base+long", COLD_MS, 40_000);
    for (const hint of ["base+other", "of no family"])
      expect(serviceMs(estimates, hint)).toBeGreaterThan(serviceMs(before, hint));
  });

  test("a hint whose loads are short tells nothing of its service: that is as of any new hint, and its load no longer than its answers", () => {
    const [estimates, before] = [taught(COLD_MS), taught(COLD_MS)];
    for (let request = 0; request < 30; request++) coldly(estimates, "quick to load", 1000, 5000);
    expect(serviceMs(estimates, "quick to load")).toBe(serviceMs(before, "of no family"));
    expect(loadMs(estimates, "quick to load")).toBeLessThanOrEqual(6000);
    expect(serviceMs(estimates, "of no family")).toBe(serviceMs(before, "of no family"));
  });

  test("nothing is told of a service that is far shorter than a load", () => {
    const estimates = taught(COLD_MS);
    for (let request = 0; request < 20; request++) warmly(estimates, "short", 200);
    const before = serviceMs(estimates, "short");
    expect(before * TUNING.outlier).toBeLessThan(COLD_MS);
    for (const offMs of [3000, 1000, 2000]) coldly(estimates, "short", COLD_MS + offMs, 200);
    // But that arrivals pass, by which the last few fade.
    expect(Math.abs(serviceMs(estimates, "short") - before)).toBeLessThan(before / 100);
  });

  test("a hint whose loads are long looks like a long one, until it is found warm", () => {
    const estimates = taught(COLD_MS);
    for (let request = 0; request < 10; request++) coldly(estimates, "odd", 60_000, 10_000);
    // Together they are right: that is what a cold request of it takes.
    expect(serviceMs(estimates, "odd")).toBeGreaterThan(40_000);
    expect(Math.abs(serviceMs(estimates, "odd") + loadMs(estimates, "odd") - 70_000)).toBeLessThan(15_000);
    for (let request = 0; request < 60; request++) {
      if (request % 3 === 0) coldly(estimates, "odd", 60_000, 10_000);
      else warmly(estimates, "odd", 10_000);
    }
    expect(serviceMs(estimates, "odd")).toBeLessThan(16_000);
    expect(loadMs(estimates, "odd")).toBeGreaterThan(40_000);
  });
});

describe("where loads differ", () => {
  test("and an answer comes when it is over, a cold request teaches what was expected anyway", () => {
    const estimates = taught(1000, 60_000, 3000, 90_000);
    for (let request = 0; request < 20; request++) coldly(estimates, "x", request % 2 === 0 ? 1000 : 80_000, 10_000);
    const before = serviceMs(estimates, "x");
    coldly(estimates, "x", 90_000, 10_000);
    expect(Math.abs(serviceMs(estimates, "x") - before)).toBeLessThan(2000);
    expect(Math.abs(before - 10_000)).toBeLessThan(4000);
  });

  test("and the first answer comes at once after the load, it tells the load, and what comes after it the service", () => {
    const estimates = served();
    for (let request = 0; request < 200; request++) {
      warmly(estimates, `h${request % 10}`, 10_000, 1000 + (request % 3));
      coldly(estimates, `h${request % 10}`, request % 2 === 0 ? 4000 : 60_000, 10_000, 1000);
    }
    for (let request = 0; request < 30; request++) coldly(estimates, "long", request % 2 === 0 ? 4000 : 60_000, 40_000, 1000);
    expect(Math.abs(serviceMs(estimates, "long") - 40_000)).toBeLessThan(1500);
    expect(Math.abs(loadMs(estimates, "long") - 32_000)).toBeLessThan(4000);
  });

  test("a hint's own loads count though it was never found warm", () => {
    const estimates = taught(1000, 60_000, 3000, 90_000);
    for (let request = 0; request < 40; request++) coldly(estimates, "heavy", 100_000, 10_000);
    expect(loadMs(estimates, "heavy")).toBeGreaterThan(meanLoadMs(estimates) + 20_000);
  });
});

describe("a cold request", () => {
  test("that was over before its load should have been teaches nothing of its service", () => {
    const estimates = taught(COLD_MS);
    const expected = serviceMs(estimates, "x");
    countArrival(estimates, "x");
    learnColdService(estimates, "x", 1, 1);
    expect(serviceMs(estimates, "x")).toBe(expected);
  });

  test("is believed while its load may go on, also where such loads of the hint looked like services", () => {
    const fleet = driver({ a: {} });
    const { estimates } = fleet.its.fleet;
    for (let request = 0; request < 40; request++) warmly(estimates, `h${request % 4}`, request % 2 === 0 ? 9000 : 11_000);
    const before = LIMITS.loadTimesBelieved * loadMs(estimates, "heavy");
    for (let request = 0; request < 3; request++) coldly(estimates, "heavy", 10 * COLD_MS, 10_000);
    fleet.arrives(1, ["heavy"]);
    expect(fleet.its.fleet.replicas.get("a")?.loading.get("heavy")?.untilMs).toBeGreaterThan(before + 10 * COLD_MS);
  });

  test("tells no load while no warm answer has been compared with what was expected of it", () => {
    const estimates = served();
    for (let request = 0; request < TUNING.newSamples; request++) warmly(estimates, "x", 10_000);
    coldly(estimates, "x", 50_000, 10_000);
    expect([estimates.warmError.weight, estimates.coldError.weight]).toEqual([0, 1]);
    expect(loadMs(estimates, "y")).toBe(meanLoadMs(estimates));
    countArrival(estimates, "never warm");
    learnLoad(estimates, "never warm", 90_000);
    expect(loadMs(estimates, "never warm")).toBe(meanLoadMs(estimates));
  });

  test("whose answer seems to come before it was sent, because a clock went back, teaches what one answered at once does", () => {
    const services = [-1e9, 0].map((answeredMs) => {
      const estimates = taught(1000, 60_000, 3000, 90_000);
      learnColdService(estimates, "h1", answeredMs, 40_000);
      return serviceMs(estimates, "h1");
    });
    expect(services[0]).toBe(services[1]);
    expect(services[0]).not.toBe(serviceMs(taught(1000, 60_000, 3000, 90_000), "h1"));
  });

  test("teaches nothing before any warm one was over", () => {
    const estimates = served();
    coldly(estimates, "x", COLD_MS, 10_000);
    expect([serviceMs(estimates, "x"), estimates.hints.get("x")?.service.weight]).toEqual([0, 0]);
  });

  test("leaves the mean of all warm ones as it was, and what is known of warm answers", () => {
    const estimates = taught(COLD_MS);
    const before = structuredClone([estimates.service, estimates.newAnswer, estimates.warmError]);
    for (const request of times(20, (index) => index)) coldly(estimates, `h${request % 10}`, COLD_MS, 60_000);
    expect([estimates.service, estimates.newAnswer, estimates.warmError]).toEqual(before);
  });
});

test("a grant that had to load teaches it when it is over", () => {
  const fleet = driver({ a: { hints: ["x"], hintSlots: 2 } });
  fleet.teaches("x", 10_000, 30);
  const before = serviceMs(fleet.its.fleet.estimates, "y");
  fleet.arrives(1, ["y"]);
  fleet.answers(1, COLD_MS + 40_000);
  fleet.ends(1, COLD_MS + 40_000);
  expect(serviceMs(fleet.its.fleet.estimates, "y")).toBeGreaterThan(before + 5000);
});
