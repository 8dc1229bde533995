// The verdict of a soak, on courses made up here: a steady one passes; what grows, drifts or is left is caught; others' load is not.
import { expect, test } from "vitest";
import { isWell } from "../../bench/report.ts";
import { judge, type Ending } from "../../bench/soak/verdict.ts";
import type { Window } from "../../bench/soak/windows.ts";
import { seeded } from "../../bench/simulate/random.ts";

const WINDOWS = 360;
const GROWTH = 1.5;
const WELL: Ending = {
  unexpected: [],
  missing: [],
  held: [],
  heap: { first: 2, last: 2.5 },
};

/** `course` says how a window differs from a steady one with some noise; `share` is how far the run has come. */
function windows(course: (share: number) => Partial<Window> = () => ({}), count = WINDOWS): Window[] {
  const random = seeded(1);
  const noisy = (value: number) => value * (0.9 + 0.2 * random());
  return Array.from({ length: count }, (_, index) => ({
    ...{ at_s: (index + 1) * 5, requests: 350, outcomes: { "200": 350 }, resident_mb: 200 + 4 * random() },
    ...{ cpu_share: 0.1, cpu_ms_per_request: noisy(1.5) },
    ...{ in_system_p50_ms: noisy(150), in_system_p95_ms: noisy(400) },
    ...{ queue_p95_ms: noisy(100), router_p50_ms: noisy(3), router_p95_ms: noisy(10) },
    ...{ control_p50_ms: noisy(0.5), control_p95_ms: noisy(1) },
    ...course(index / count),
  }));
}

function failed(course: readonly Window[], ending: Ending = WELL): string[] {
  const findings = judge(course, ending, GROWTH);
  const names = findings.filter(({ ok }) => ok === false).map(({ check }) => check);
  expect(isWell(findings)).toBe(names.length === 0);
  return names;
}

test("a steady course passes", () => expect(failed(windows())).toEqual([]));

test("growth while it warms up passes", () => {
  expect(failed(windows((share) => ({ resident_mb: Math.min(200, 80 + 2000 * share) })))).toEqual([]);
});

test("a heap that grows although garbage is collected is caught", () => {
  expect(failed(windows(), { ...WELL, heap: { first: 2, last: 4.1 } })).toEqual(["heap_mib"]);
});

test("memory that grows by little at a time is caught", () => {
  expect(failed(windows((share) => ({ resident_mb: 200 + 40 * share })))).toEqual(["resident_mb"]);
});

const filling = (count: number) =>
  windows((share) => ({ resident_mb: Math.min(250, 90 + (160 * share * count * 5) / 170) }), count);
const memoryOf = (course: readonly Window[]) => judge(course, WELL, GROWTH).find(({ check }) => check === "resident_mb");

test.each([3, 5, 5.9])("memory of a run of %s minutes, in which the heap is still filling, is not judged", (minutes) => {
  const course = filling(Math.round((minutes * 60) / 5));
  expect(memoryOf(course)).toMatchObject({ ok: null, says: expect.stringMatching(/^not judged: /) });
  expect(failed(course)).toEqual([]);
  expect(failed(course, { ...WELL, missing: ["r3"] })).toEqual(["fleet whole"]);
});

test.each([6, 10, 29])("memory of a run of %s minutes is judged after 3 of them", (minutes) => {
  const count = (minutes * 60) / 5;
  expect(memoryOf(filling(count))).toMatchObject({ ok: true });
  expect(failed(windows((share) => ({ resident_mb: 200 + 60 * share * minutes }), count))).toEqual(["resident_mb"]);
});

test("latency that drifts is caught", () => {
  expect(failed(windows((share) => ({ router_p50_ms: 3 + 6 * share })))).toEqual(["router_p50_ms"]);
  expect(failed(windows((share) => ({ router_p95_ms: 10 * (1 + 2 * share) })))).toEqual(["router_p95_ms"]);
});

test("a queue that grows is caught", () => {
  expect(failed(windows((share) => ({ queue_p95_ms: 100 + 1000 * share })))).toEqual(["queue_p95_ms"]);
});

test("a queue is judged by windows of 20 requests or more", () => {
  const queue = (requests: number) => windows((share) => ({ requests, queue_p95_ms: 100 + 1000 * share }));
  const finding = (course: readonly Window[]) => judge(course, WELL, GROWTH).find(({ check }) => check === "queue_p95_ms");
  expect(finding(queue(19))).toMatchObject({ ok: null, says: expect.stringMatching(/^not judged: /) });
  expect(finding(queue(20))).toMatchObject({ ok: false });
});

test("work for a request that grows is caught", () => {
  expect(failed(windows((share) => ({ cpu_ms_per_request: 1.5 + 3 * share })))).toEqual(["cpu_ms_per_request"]);
});

test("a busy spell of others in the last tenth, shorter than half of it, is not held against it", () => {
  const busy = { control_p50_ms: 4, control_p95_ms: 9, router_p50_ms: 40, router_p95_ms: 300 };
  expect(failed(windows((share) => (share > 0.96 ? busy : {})))).toEqual([]);
});

test("neither is a machine that has become slow for everybody", () => {
  const slow = { control_p50_ms: 2, control_p95_ms: 4, router_p50_ms: 12, router_p95_ms: 40 };
  expect(failed(windows((share) => (share > 0.5 ? slow : {})))).toEqual([]);
});

test("latency that drifts on a machine that is always busy is caught", () => {
  const drifting = (share: number) => ({ control_p50_ms: 2, router_p50_ms: 3 + 10 * share });
  expect(failed(windows(drifting))).toEqual(["router_p50_ms"]);
});

test("what may not happen at all is caught", () => {
  expect(failed(windows(), { ...WELL, unexpected: ["1 x 500 internal_error: get s7 at 3.2 s"] })).toEqual(["outcomes"]);
  expect(failed(windows(), { ...WELL, missing: ["r3"] })).toEqual(["fleet whole"]);
  expect(failed(windows(), { ...WELL, held: [{ app: "soaked", waiting: 0, in_flight: 1, running: 0 }] })).toEqual([
    "nothing held",
  ]);
});

test("nothing measured and too short a run are no success", () => {
  expect(failed(windows(() => ({ router_p50_ms: null })))).toEqual(["router_p50_ms"]);
  expect(failed(windows(() => ({}), 19))).toEqual(["long enough"]);
});
