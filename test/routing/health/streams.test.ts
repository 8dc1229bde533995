// An answer that streams ended well only where somebody says that it came whole: a client that cuts it off looks like its end.
import { describe, expect, test } from "vitest";
import { ended, answered, failed } from "../../../src/routing/lifecycle.ts";
import { adopt } from "../../../src/routing/scheduler.ts";
import { driver, type Driver } from "../support/driver.ts";
import { BROKEN, fails, TIMED_OUT, endAnswer, finishGrant } from "../support/failing.ts";
import { fleetWith, known, schedulerOf } from "../support/fleets.ts";

const SAID = { hints: ["x"], concurrency: 9 };
const ANSWER = { kind: "success", hints: null } as const;

interface Case {
  readonly streams?: boolean;
  /** What is said of its end; null: nothing. */
  readonly whole: boolean | null;
}

/** After two failures in a row a request is answered, and over. */
function served(fleet: Driver, { streams, whole }: Case): void {
  for (const now of [1, 2]) expect(fails(fleet.its.fleet, "a", now, TIMED_OUT)).toBe(false);
  fleet.arrives(1001, ["x"], 10, { avoid: ["b"] });
  answered(fleet.its, 1001, streams === undefined ? ANSWER : { ...ANSWER, streams }, 20);
  if (whole !== null) ended(fleet.its, 1001, whole);
  fleet.ends(1001, 30);
}

const CASES: readonly [string, Case, boolean][] = [
  ["one that does not stream, of which nothing is said", { streams: false, whole: null }, true],
  ["one of which it is not said whether it streams", { whole: null }, true],
  ["one that streams, of which nothing is said", { streams: true, whole: null }, false],
  ["one that streams and is whole", { streams: true, whole: true }, true],
  ["one that streams and broke off", { streams: true, whole: false }, false],
  ["one that does not stream and broke off", { streams: false, whole: false }, false],
];

describe.each(CASES)("%s", (_, its, isWell) => {
  const pair = () => driver({ a: SAID, b: SAID });

  test(`ends the count of failures in a row: ${isWell}`, () => {
    const fleet = pair();
    served(fleet, its);
    expect(known(fleet.its.fleet, "a").failuresInARow).toBe(isWell ? 0 : 2);
    expect(fails(fleet.its.fleet, "a", 40, TIMED_OUT)).toBe(!isWell);
  });

  test(`teaches for how long a slot is held: ${isWell}`, () => {
    const fleet = pair();
    served(fleet, its);
    const { model } = fleet.its;
    expect([model.held.weight, model.service.weight]).toEqual(isWell ? [1, 1] : [0, 0]);
  });

  test(`ends an ejection for broken answers where its end is said to be whole: ${its.whole === true}`, () => {
    const fleet = pair();
    for (let now = 0; now < 3; now++) fails(fleet.its.fleet, "a", now, BROKEN);
    expect(known(fleet.its.fleet, "a").onProbation).toBe(true);
    fleet.arrives(1001, ["x"], 20_000, { avoid: ["b"] });
    answered(fleet.its, 1001, { ...ANSWER, streams: its.streams ?? false }, 20_001);
    if (its.whole !== null) ended(fleet.its, 1001, its.whole);
    fleet.ends(1001, 20_002);
    expect(known(fleet.its.fleet, "a").onProbation).toBe(its.whole !== true);
  });
});

test("one that broke off, by its replica's doing, and is then said to be whole, did not end well", () => {
  const fleet = driver({ a: SAID });
  fleet.arrives(1, ["x"], 10);
  answered(fleet.its, 1, { ...ANSWER, streams: true }, 20);
  failed(fleet.its, 1, BROKEN, null, 25);
  ended(fleet.its, 1, true);
  fleet.ends(1, 30);
  expect([known(fleet.its.fleet, "a").failuresInARow, fleet.its.model.held.weight]).toEqual([1, 0]);
});

test.each([
  ["nothing is said of its end", null, 2],
  ["it is whole", true, 0],
])("of one that was answered before a restart it is not known whether it streams: where %s", (_, whole, inARow) => {
  const fleet = fleetWith({ a: SAID });
  for (const now of [1, 2]) fails(fleet, "a", now, TIMED_OUT);
  const grant = adopt(schedulerOf(fleet), 1001, { replica: "a", incarnation: 1, hint: "x", startedAtMs: 0, answered: true });
  if (grant === null) throw new Error("not adopted");
  if (whole !== null) endAnswer(fleet, grant, whole);
  finishGrant(fleet, grant, 20);
  expect(known(fleet, "a").failuresInARow).toBe(inARow);
});
