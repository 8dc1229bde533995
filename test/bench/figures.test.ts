// Figures of `npm run bench -- http`, and what is read from /proc.
import { expect, test } from "vitest";
import { figuresOf, rounded, spread, type Sample } from "../../bench/http/figures.ts";
import { highestOf, type Step } from "../../bench/http/rate.ts";
import { cpuMsIn, mibIn } from "../../bench/live/machine.ts";

const sample = (cpuUs: number | null, failed = 0): Sample => ({ cpuUs, perSecond: 1000, p50Ms: 1.5, p99Ms: 9, failed });

test("ratios are of the same round, and the median of ratios is not the ratio of medians", () => {
  const floor = [sample(100), sample(300), sample(100)];
  const router = [sample(400), sample(600), sample(300)];
  const other = [sample(200), sample(600), sample(600, 2)];
  expect(figuresOf(other, floor, router)).toEqual({
    cpu_us: { median: 600, lower: 400, upper: 600 },
    ratio: { median: 2, lower: 2, upper: 4 },
    ratio_to_router: { median: 1, lower: 0.75, upper: 1.5 },
    ...{ per_second: 1000, p50_ms: 1.5, p99_ms: 9, failed: 2 },
  });
});

test("without CPU time there is no ratio, and no figure is made from a part of the rounds", () => {
  const { cpu_us, ratio } = figuresOf([sample(null), sample(200)], [sample(100), sample(100)], [sample(null), sample(200)]);
  expect([cpu_us, ratio]).toEqual([null, null]);
  expect(spread([])).toBeNull();
  expect(figuresOf([sample(100)], [sample(0)], [sample(100)]).ratio).toBeNull();
});

test("three digits", () => {
  expect([1234.5, 0.012345, 99.96].map(rounded)).toEqual([1230, 0.0123, 100]);
});

test("CPU time of a process whose name looks like fields", () => {
  const fields = ["S", ...Array.from({ length: 10 }, (_, index) => String(index)), "250", "31", "7", "8"];
  expect(cpuMsIn(`4242 (work) 1 (erd) ${fields.join(" ")}`)).toBe(2810);
  expect(cpuMsIn("")).toBeNaN();
});

test("memory by the field's whole name", () => {
  const status = "Name:\tworkerd\nVmHWM:\t  204800 kB\nVmRSS:\t  102400 kB\n";
  expect([mibIn(status, "VmHWM"), mibIn(status, "VmRSS")]).toEqual([200, 100]);
  expect(mibIn(status, "RSS")).toBeNaN();
});

test("the highest rate is the one before the first fallback or failure, whatever comes after", () => {
  const step = (worker: string, rate: number, fallbacks: number, failed = 0, added_p99_ms = 10) =>
    ({ worker, rate, fallbacks, failed, added_p99_ms }) as Step;
  const steps = [
    step("a", 100, 0),
    step("b", 100, 1),
    step("a", 200, 0),
    step("b", 200, 0),
    step("a", 400, 3),
    step("a", 700, 0),
  ];
  const late = [step("c", 100, 0), step("c", 200, 0, 0, 1001), step("c", 400, 0, 1)];
  expect(highestOf([...steps, ...late])).toEqual({
    a: { without_fallbacks: 200, in_time: 200 },
    b: { without_fallbacks: null, in_time: null },
    c: { without_fallbacks: 200, in_time: 100 },
  });
});
