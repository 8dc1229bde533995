// Who holds what: the columns by what is asked for, the cells of each replica, and what is left out.
import fc from "fast-check";
import { expect, test } from "vitest";
import { LIMITS } from "../../src/routing/limits.ts";
import { countArrival, demandShare } from "../../src/routing/model/model.ts";
import { TUNING } from "../../src/routing/tuning.ts";
import { firstOf } from "../../src/views/first-of.ts";
import { viewMatrix } from "../../src/views/matrix.ts";
import { driver } from "../routing/support/driver.ts";
import { asked, known, load, type Said } from "../routing/support/fleets.ts";

const view = (fleet: ReturnType<typeof driver>, now = 0, most: number = LIMITS.hintsShown) => viewMatrix(fleet.its, most, now);

test("hints by demand, then by holders, then by name; replicas by name, with what they hold and load", () => {
  const fleet = driver({
    b: { hints: ["rare", "often"], hintSlots: 4, concurrency: 4 },
    a: { hints: ["often", "never-b", "never-a"], hintSlots: 4 },
    c: { hints: ["never-b"] },
  });
  asked(fleet.its, { often: 6, rare: 2, nowhere: 1 });
  load(fleet.its.fleet, "b", "nowhere", 1000);
  expect(fleet.arrives(1, ["rare"], 3000)).toBe("b hint_match");
  const { model } = fleet.its;
  const share = (hint: string) => Math.round(demandShare(model, hint) * 1e6) / 1e6;
  expect(view(fleet, 4500)).toEqual({
    hints: [
      { hint: "often", holders: 2, loading: 0, asked_share: share("often") },
      { hint: "rare", holders: 1, loading: 0, asked_share: share("rare") },
      { hint: "nowhere", holders: 0, loading: 1, asked_share: share("nowhere") },
      { hint: "never-b", holders: 2, loading: 0, asked_share: 0 },
      { hint: "never-a", holders: 1, loading: 0, asked_share: 0 },
    ],
    hints_total: 5,
    replicas: [
      {
        replica: "a",
        cells: [
          [0, 0, null],
          [3, 0, null],
          [4, 0, null],
        ],
      },
      {
        replica: "b",
        cells: [
          [0, 0, null],
          [1, 0, 1.5],
          [2, 1, 3.5],
        ],
      },
      { replica: "c", cells: [[3, 0, null]] },
    ],
    replicas_total: 3,
  });
});

test("a load that was believed for too long is no load; what an answer showed to be loaded is held", () => {
  const fleet = driver({ a: { hints: [], hintSlots: 2 } });
  load(fleet.its.fleet, "a", "x");
  expect(view(fleet, 119_999)).toMatchObject({
    hints: [{ hint: "x", holders: 0, loading: 1 }],
    replicas: [{ cells: [[0, 1, 119.999]] }],
  });
  expect(view(fleet, 120_000)).toMatchObject({ hints: [{ hint: "x", holders: 0, loading: 0 }], replicas: [{ cells: [] }] });
  fleet.answers(1, 130_000);
  expect(known(fleet.its.fleet, "a").unreported.has("x")).toBe(true);
  expect(view(fleet, 130_000)).toMatchObject({
    hints: [{ hint: "x", holders: 1, loading: 0 }],
    replicas: [{ cells: [[0, 0, 130]] }],
  });
});

test("a hint that nobody holds is shown as long as one of the last requests asked for it; requests without hints ask for none", () => {
  const fleet = driver({ a: {} });
  asked(fleet.its, { gone: 1 });
  countArrival(fleet.its.model, "", TUNING.demandMemory - 1);
  expect(view(fleet)).toMatchObject({ hints: [{ hint: "gone", holders: 0 }], hints_total: 1 });
  countArrival(fleet.its.model, "", 1);
  expect(view(fleet)).toMatchObject({ hints: [], hints_total: 0 });
});

test("so many hints and replicas are shown, and all are counted", () => {
  const hints = Array.from({ length: LIMITS.hintsPerReplica }, (_, index) => `h${index}`);
  const replicas: Record<string, Said> = { zzz: { hints } };
  for (let index = 0; index < LIMITS.replicasShown + 5; index++) replicas[`r${String(index).padStart(4, "0")}`] = {};
  const fleet = driver(replicas);
  asked(fleet.its, Object.fromEntries(hints.slice(0, 3).map((hint) => [hint, 1])));
  const few = view(fleet, 0, 2);
  expect([few.hints.length, few.hints_total, few.replicas.length, few.replicas_total]).toEqual([2, 256, 1000, 1006]);
  expect(few.replicas[999]?.replica).toBe("r0999");
  const most = view(fleet);
  expect([most.hints.length, most.hints_total]).toEqual([LIMITS.hintsShown, 256]);
  expect(most.hints.slice(0, 3).map(({ asked_share: share }) => share > 0)).toEqual([true, true, true]);
});

test("the beginning of a list in order is that of the whole list in order", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(50)), fc.integer({ min: 1, max: 10 }), (items, most) => {
      const inOrder = [...items].sort((a, b) => a - b).slice(0, most);
      expect(firstOf(items, most, (a, b) => a - b)).toEqual(inOrder);
    }),
  );
});
