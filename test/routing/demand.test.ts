// What is learned of a hint comes from requests that were served: demand is counted when they arrive, and taken back where they were not.
import { describe, expect, test } from "vitest";
import { countArrival, createEstimates, demandShare, learnAnswer, uncountArrival } from "../../src/routing/model/estimates.ts";
import type { AnswerKind, Failure } from "../../src/routing/health/outcome.ts";
import { answered, failed } from "../../src/routing/scheduler.ts";
import { adoptSlot, answerGrant } from "../../src/routing/ledger/slots.ts";
import { driver, type Driver } from "./support/driver.ts";
import { BROKEN, DISCONNECTED, ERROR, TIMED_OUT, UNAVAILABLE, UNREACHABLE } from "./support/failing.ts";
import { fleetWith, hears, known, NEVER } from "./support/fleets.ts";

const fleetOf = () => driver({ a: { hints: ["w"], hintSlots: 9, concurrency: 9 }, b: { concurrency: 9 } }, NEVER);
const demand = ({ its: { fleet } }: Driver, hint = "x") => demandShare(fleet.estimates, hint);

describe("a request that is not served is no demand", () => {
  /** The demand for x after so many requests that end so. */
  function after(what: Failure | AnswerKind, requests = 3): number {
    const fleet = fleetOf();
    for (let id = 1; id <= requests; id++) {
      fleet.arrives(id, ["x"], id);
      expect(demand(fleet)).toBeGreaterThan(0);
      if (typeof what === "string") fleet.answers(id, id, null, what);
      else failed(fleet.its, id, what, null, id);
      fleet.ends(id, id);
    }
    return demand(fleet);
  }

  test.each<[Failure | AnswerKind, boolean]>([
    ["success", true],
    ["rejected", false],
    ["unsupported", false],
    [ERROR, false],
    // It is sent elsewhere, or its client asks again: somebody wants the hint.
    [UNREACHABLE, true],
    [DISCONNECTED, true],
    [UNAVAILABLE, true],
    [TIMED_OUT, true],
    [BROKEN, true],
  ])("%o: it counts: %s", (what, counts) => {
    if (counts) expect(after(what)).toBeGreaterThan(0);
    else expect(after(what)).toBeCloseTo(0, 9);
  });

  test("while it waits it is, and where it leaves or is refused it was", () => {
    const fleet = driver({ a: { status: "starting" } });
    fleet.arrives(1, ["x"]);
    fleet.ends(1);
    fleet.arrives(2, ["y"], 0, { queueLengthMax: 0 });
    expect([demand(fleet) > 0, demand(fleet, "y") > 0]).toEqual([true, true]);
  });

  test("taken back by one of those that waited", () => {
    const fleet = driver({ a: { status: "starting" } }, NEVER);
    fleet.arrives(1, ["x"]);
    fleet.hears("a", {}, 10);
    expect(fleet.settles(10)).toEqual({ 1: "a hash_owner" });
    fleet.answers(1, 20, null, "rejected");
    expect(demand(fleet)).toBeCloseTo(0, 9);
  });

  test("a retry is not counted, so nothing is taken back for it", () => {
    const fleet = fleetOf();
    fleet.arrives(1, ["x"]);
    const before = demand(fleet);
    fleet.arrives(2, ["x"], 1, { avoid: ["b"] });
    expect(demand(fleet)).toBe(before);
    fleet.answers(2, 2, null, "rejected");
    expect(demand(fleet)).toBe(before);
  });

  test("an answer that comes twice takes back once", () => {
    const fleet = fleetOf();
    for (const id of [1, 2]) fleet.arrives(id, ["x"]);
    fleet.answers(1, 1, null, "rejected");
    const before = demand(fleet);
    fleet.answers(1, 2, null, "rejected");
    expect([demand(fleet), before > 0]).toEqual([before, true]);
  });
});

describe("an arrival that is taken back", () => {
  test("is forgotten to the letter, whatever arrived since", () => {
    const [with_, without] = [createEstimates(1000), createEstimates(1000)];
    const arrival = countArrival(with_, "x");
    countArrival(without, "other");
    for (const estimates of [with_, without]) {
      for (let index = 0; index < 40; index++) countArrival(estimates, index % 3 === 0 ? "x" : "y");
    }
    expect(demandShare(with_, "x")).toBeGreaterThan(demandShare(without, "x"));
    uncountArrival(with_, "x", arrival);
    expect(demandShare(with_, "x")).toBeCloseTo(demandShare(without, "x"), 12);
  });

  test("is never less than none, and takes along a hint of which nothing else is known", () => {
    const estimates = createEstimates(1000);
    const arrival = countArrival(estimates, "x");
    uncountArrival(estimates, "x", arrival);
    expect(estimates.hints.has("x")).toBe(false);
    uncountArrival(estimates, "x", arrival);
    const again = countArrival(estimates, "y");
    learnAnswer(estimates, "y", 100);
    for (let time = 0; time < 2; time++) uncountArrival(estimates, "y", again);
    expect([estimates.hints.has("y"), demandShare(estimates, "y")]).toEqual([true, 0]);
  });

  test("leaves a hint that others ask for", () => {
    const estimates = createEstimates(1000);
    const arrival = countArrival(estimates, "x");
    countArrival(estimates, "x");
    uncountArrival(estimates, "x", arrival);
    expect(estimates.hints.has("x")).toBe(true);
  });
});

describe("times are learned from successes alone", () => {
  test.each<[AnswerKind, number]>([
    ["success", 1],
    ["rejected", 0],
    ["unsupported", 0],
  ])("of an answer %s, samples of the service, the first answer and the time a slot is held: %d", (kind, samples) => {
    const fleet = driver({ a: { hints: ["x"] } }, NEVER);
    fleet.arrives(1, ["x"]);
    fleet.arrives(9, ["x"]);
    fleet.answers(1, 1000, null, kind);
    fleet.ends(1, 3000);
    const its = fleet.its.fleet.estimates.hints.get("x");
    expect([its?.service.weight, its?.answer.weight, fleet.its.held.weight]).toEqual([samples, samples, samples]);
  });

  test.each<[AnswerKind, number]>([
    ["success", 1],
    ["rejected", 0],
    ["unsupported", 0],
  ])("of a load that ends with an answer %s: %d", (kind, samples) => {
    const fleet = fleetOf();
    fleet.teaches("w", 1000);
    fleet.arrives(1, ["x"], 0, { avoid: ["b"] });
    fleet.answers(1, 9000, null, kind);
    expect(fleet.its.fleet.estimates.load.weight).toBe(samples);
  });

  test("a request that is rejected uses no hint: what was used longest ago is likely evicted", () => {
    for (const [kind, used] of [
      ["success", 3000],
      ["rejected", 0],
    ] as const) {
      const fleet = driver({ a: { hints: ["x"] } });
      fleet.arrives(1, ["x"]);
      fleet.answers(1, 1000, null, kind);
      fleet.ends(1, 3000);
      expect(known(fleet.its.fleet, "a").usedAtMs.get("x")).toBe(used);
    }
  });
});

test("a claim says whether its answer had begun", () => {
  for (const begun of [true, false]) {
    const fleet = fleetWith({ a: {} });
    const grant = adoptSlot(fleet, 1, { replica: "a", incarnation: 1, hint: "x", startedAtMs: 500, answered: begun });
    expect([grant?.answeredAtMs, grant?.succeeded]).toEqual(begun ? [500, true] : [null, false]);
    if (grant !== null) answerGrant(fleet, grant, 900);
    expect(grant?.answeredAtMs).toBe(begun ? 500 : 900);
  }
});

test("an answer with a list tells whether a restart must know of it, whatever its status", () => {
  const fleet = fleetOf();
  fleet.arrives(1, ["w"]);
  expect(answered(fleet.its, 1, { kind: "rejected", hints: ["w", "z"] }, 10)?.id).toBe("a");
  expect(answered(fleet.its, 1, { kind: "rejected", hints: ["z", "w"] }, 11)).toBeNull();
  hears(fleet.its.fleet, "a", { hints: ["w"] }, 20);
  expect(answered(fleet.its, 77, { kind: "success", hints: ["q"] }, 21)).toBeNull();
});
