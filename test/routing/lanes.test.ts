// The columns of lanes: a lane keeps its figures when another closes and it gets another row.
import { expect, test } from "vitest";
import { Lanes } from "../../src/routing/ledger/request-classes.ts";

const wanting = (hint: string) => ({ hints: [hint], avoid: [], priority: "normal" as const });

/** All that a round has noted of the lane. */
function notedOf(lanes: Lanes, key: string): (number | undefined)[] {
  const row = lanes.get(key)?.row ?? -1;
  return [lanes.servingMs, lanes.patientUntilMs, lanes.warmInRound].map((column) => column[row]);
}

test.each(["a", "b", "c"])("when %s of three closes, the others keep what was noted of them", (closed) => {
  const lanes = new Lanes();
  for (const [index, key] of ["a", "b", "c"].entries()) {
    const { row } = lanes.open(key, wanting(key));
    [lanes.servingMs[row], lanes.patientUntilMs[row], lanes.warmInRound[row]] = [10 + index, 20 + index, 30 + index];
  }
  const lane = lanes.get(closed);
  if (lane !== undefined) lanes.close(lane);
  expect(lane?.row).toBe(-1);
  expect([...lanes].map(({ key }) => key).toSorted()).toEqual(["a", "b", "c"].filter((key) => key !== closed));
  for (const [index, key] of ["a", "b", "c"].entries()) {
    expect(notedOf(lanes, key), key).toEqual(
      key === closed ? [undefined, undefined, undefined] : [10 + index, 20 + index, 30 + index],
    );
  }
});

test("a row that is used again has nothing of the one before", () => {
  const lanes = new Lanes();
  const { row } = lanes.open("a", wanting("a"));
  [lanes.servingMs[row], lanes.patientUntilMs[row], lanes.warmInRound[row]] = [1, 2, 3];
  const lane = lanes.get("a");
  if (lane !== undefined) lanes.close(lane);
  lanes.open("b", wanting("b"));
  lanes.open("none", { hints: [], avoid: [], priority: "normal" as const });
  expect(notedOf(lanes, "b")).toEqual([0, 0, 0]);
  expect(notedOf(lanes, "none")).toEqual([0, 0, Infinity]);
});
