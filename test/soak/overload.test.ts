// The figures and the verdict of an overload, on requests made up here.
import { expect, test } from "vitest";
import {
  figuresOf,
  PHASES,
  type History,
  type Line,
  type Phase,
  type Sample,
  type Span,
} from "../../bench/soak/overload/figures.ts";
import { judge } from "../../bench/soak/overload/verdict.ts";

const QUEUE_LENGTH_MAX = 200;
const GOODPUT = 0.9;
const CAPACITY = 40;
const SECOND_MS = 1000;
const PHASE_MS = 40 * SECOND_MS;
const SAMPLES = 160;
const SPANS = Object.fromEntries(
  PHASES.map((phase, index) => [phase, { fromMs: index * PHASE_MS, toMs: (index + 1) * PHASE_MS }]),
) as Record<Phase, Span>;

interface Made {
  /** Of the capacity, in the overload. */
  readonly goodput?: number;
  readonly recoveryMs?: number;
  readonly refusal?: (sentMs: number) => Partial<Line>;
  readonly lowWaitMs?: number;
  readonly sample?: (phase: Phase) => Partial<Sample>;
  readonly extra?: readonly Partial<Line>[];
  /** MiB more after each phase than after the one before. */
  readonly heapGrows?: number;
  readonly residentGrows?: number;
}

function line(phase: Phase, sentMs: number, tookMs: number, its: Partial<Line> = {}): Line {
  return { phase, low: false, sentMs, endedMs: sentMs + tookMs, outcome: "200", queuedMs: 0, retryAfterS: null, ...its };
}

/** `perSecond` of them, evenly, over the phase. */
function evenly(phase: Phase, perSecond: number, make: (sentMs: number) => Line): Line[] {
  const { fromMs, toMs } = SPANS[phase];
  const count = Math.round(((toMs - fromMs) / SECOND_MS) * perSecond);
  return Array.from({ length: count }, (_, index) => make(fromMs + (index * SECOND_MS) / perSecond));
}

function history({
  goodput = 1,
  recoveryMs = 8000,
  refusal,
  lowWaitMs = 4000,
  sample,
  extra = [],
  ...grows
}: Made = {}): History {
  const refused = (sentMs: number) =>
    line("overload", sentMs, 2, { outcome: "429 queue_full", queuedMs: null, retryAfterS: 5, ...refusal?.(sentMs) });
  const recovering = (sentMs: number) => (sentMs < SPANS.after.fromMs + recoveryMs ? 4000 : 300);
  const lines = [
    ...evenly("saturated", CAPACITY, (sentMs) => line("saturated", sentMs, 600)),
    ...evenly("before", CAPACITY / 2, (sentMs) => line("before", sentMs, 300)),
    ...evenly("overload", CAPACITY * goodput, (sentMs) => line("overload", sentMs, 0)),
    ...evenly("overload", CAPACITY * 9, refused),
    ...evenly("after", CAPACITY / 2, (sentMs) => line("after", sentMs, recovering(sentMs))),
    ...evenly("low_flood", CAPACITY / 2, (sentMs) => line("low_flood", sentMs, 300, { queuedMs: 50 })),
    ...evenly("low_flood", CAPACITY / 2, (sentMs) => line("low_flood", sentMs, 300, { low: true, queuedMs: lowWaitMs })),
    ...extra.map((its) => line(its.phase ?? "overload", SPANS[its.phase ?? "overload"].fromMs, 100, its)),
  ];
  const samples = PHASES.flatMap((phase) =>
    Array.from({ length: SAMPLES }, (_, index): Sample => ({
      ...{ atMs: SPANS[phase].fromMs + (index * PHASE_MS) / SAMPLES, resident_mb: 200 },
      waiting: phase === "overload" || (phase === "after" && index * (PHASE_MS / SAMPLES) < recoveryMs) ? 200 : 0,
      ...sample?.(phase),
    })),
  );
  const { heapGrows = 0, residentGrows = 0 } = grows;
  const retainedAfter = (phases: number) => ({ heap_mib: 2.5 + phases * heapGrows, resident_mib: 150 + phases * residentGrows });
  const retained = { before: retainedAfter(0), after: retainedAfter(1), low_flood: retainedAfter(2) };
  return { lines, samples, spans: SPANS, retained, missing: [], held: [] };
}

function failed(made: Made = {}): string[] {
  return judge(figuresOf(history(made)), history(made), QUEUE_LENGTH_MAX, GOODPUT)
    .filter(({ ok }) => !ok)
    .map(({ check }) => check);
}

test("figures of a good overload", () => {
  const figures = figuresOf(history());
  expect(figures).toMatchObject({ goodput_share: expect.closeTo(1, 1), backlog: 200 });
  expect(figures.capacity_per_s).toBeCloseTo(CAPACITY, 0);
  expect(figures.recovery_s).toBeCloseTo(8, 0);
  expect(figures.backlog_s).toBeCloseTo(10, 0);
  expect(figures.phases.overload).toMatchObject({
    refused_share: 0.9,
    refusal_p99_ms: 2,
    waiting_most: 200,
    without_retry_after: 0,
  });
  expect(failed()).toEqual([]);
});

test("goodput of 0.8 is caught", () => expect(failed({ goodput: 0.8 })).toEqual(["goodput"]));

test("refusals that are slow, slow down or say no Retry-After are caught", () => {
  expect(failed({ refusal: (sentMs) => ({ endedMs: sentMs + 400 }) })).toEqual(["refusals quick"]);
  const late = SPANS.overload.toMs - PHASE_MS / 2;
  expect(failed({ refusal: (sentMs) => (sentMs < late ? {} : { endedMs: sentMs + 60 }) })).toEqual(["refusals steady"]);
  expect(failed({ refusal: () => ({ retryAfterS: null }) })).toEqual(["Retry-After"]);
});

test("a queue beyond its bound is caught", () => {
  expect(failed({ sample: (phase) => (phase === "overload" ? { waiting: 201 } : {}) })).toEqual(["queue bounded"]);
});

test("whoever waited for nothing is caught", () => {
  expect(failed({ extra: [{ outcome: "504 request_timeout", queuedMs: null }] })).toEqual(["whoever was let in is served"]);
  const refusedBefore = { phase: "before", outcome: "429 queue_full", retryAfterS: 1, queuedMs: null } as const;
  expect(failed({ extra: [refusedBefore] })).toEqual(["whoever was let in is served"]);
});

test("a slow recovery and none at all are caught", () => {
  expect(failed({ recoveryMs: 25_000 })).toEqual(["recovery"]);
  expect(failed({ recoveryMs: PHASE_MS })).toEqual(["recovery"]);
});

test("memory that a second overload adds to is caught", () => {
  expect(failed({ heapGrows: 0.6 })).toEqual(["heap"]);
  expect(failed({ residentGrows: 9 })).toEqual(["resident memory"]);
});

test("low priority that overtakes, and normal requests that are refused, are caught", () => {
  expect(failed({ lowWaitMs: 20 })).toEqual(["priority"]);
  const refused = { phase: "low_flood", outcome: "429 queue_full", retryAfterS: 1, queuedMs: null } as const;
  expect(failed({ extra: [refused] })).toEqual(["normal not refused"]);
});

test("what is left at the end is caught", () => {
  const held = [{ app: "overloaded", waiting: 0, in_flight: 1, running: 0 }];
  const findings = judge(figuresOf(history()), { ...history(), missing: ["r2"], held }, QUEUE_LENGTH_MAX, GOODPUT);
  expect(findings.filter(({ ok }) => !ok).map(({ check }) => check)).toEqual(["fleet whole", "nothing held"]);
});
