// The fleet's hints as a list of models: who holds each, who loads it, and that the list has an end.
import { expect, test } from "vitest";
import { LIMITS } from "../../src/routing/limits.ts";
import { modelsOf } from "../../src/views/models.ts";
import { driver } from "../routing/support/driver.ts";

const short = ({ models }: ReturnType<typeof modelsOf>) =>
  models.map(({ hint, replicas, loading }) => `${hint} ${replicas} ${loading}`);

test("hints by name, with the ready replicas that hold each and that load it", () => {
  const { its, arrives, answers } = driver({
    one: { hints: ["b", "a"] },
    two: { hints: ["a"] },
    starting: { hints: ["a", "z"], status: "starting" },
    none: { concurrency: 4 },
  });
  arrives(1, ["cold"]);
  expect(short(modelsOf(its.fleet, 0))).toEqual(["a 2 0", "b 1 0", "cold 0 1", "z 0 0"]);
  answers(1, 10);
  expect(short(modelsOf(its.fleet, 10))).toEqual(["a 2 0", "b 1 0", "cold 1 0", "z 0 0"]);
});

test("a load that was believed for too long is none", () => {
  const { its, arrives } = driver({ one: {} });
  arrives(1, ["cold"]);
  expect(short(modelsOf(its.fleet, 1000))).toEqual(["cold 0 1"]);
  expect(short(modelsOf(its.fleet, 3_600_000))).toEqual([]);
});

test("of more hints than a list may have, some are left out, and the list says so", () => {
  const hints = (from: number, count: number) => Array.from({ length: count }, (_, index) => `h${from + index}`);
  const { its, hears } = driver();
  for (let from = 0; from < LIMITS.modelsListed; from += 250)
    hears(`r${from}`, { hints: hints(from, Math.min(250, LIMITS.modelsListed - from)) });
  const full = modelsOf(its.fleet, 0);
  expect([full.models.length, full.truncated]).toEqual([LIMITS.modelsListed, false]);
  hears("more", { hints: ["h0", "one more"] });
  const more = modelsOf(its.fleet, 0);
  expect([more.models.length, more.truncated]).toEqual([LIMITS.modelsListed, true]);
  expect(more.models.find(({ hint }) => hint === "h0")?.replicas).toBe(2);
});
