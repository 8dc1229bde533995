// The phases of an overload, and the figures of their requests. Pure.
import type { Held } from "../../live/fleet.ts";
import type { RetainedMib } from "../../live/router.ts";
import { at, counted, short, sorted } from "../../report.ts";

/**
 * In order. Before each phase the queue and the replicas are empty; only `after` begins with the backlog of `overload`.
 * saturated: as many clients as keep every slot busy. A client sends when its last request has ended. What is served then is the capacity.
 * before: half of the capacity. overload: many times the capacity, and one request in ten has low priority. after: half of it again.
 * low_flood: many times the capacity, but requests of normal priority are only half of it.
 */
export const PHASES = ["saturated", "before", "overload", "after", "low_flood"] as const;
export type Phase = (typeof PHASES)[number];

/** One request. Times are `performance.now()`. */
export interface Line {
  readonly phase: Phase;
  readonly low: boolean;
  readonly sentMs: number;
  readonly endedMs: number;
  /** `200`, or what came instead. */
  readonly outcome: string;
  /** Time in the router's queue, by the router's clock; null: the request was not served. */
  readonly queuedMs: number | null;
  /** Null: the answer has no Retry-After. */
  readonly retryAfterS: number | null;
}

export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/** The router at a moment. */
export interface Sample {
  readonly atMs: number;
  readonly resident_mb: number;
  readonly waiting: number;
}

export interface History {
  readonly lines: readonly Line[];
  readonly samples: readonly Sample[];
  readonly spans: Readonly<Record<Phase, Span>>;
  /** After phases at whose end nothing is under way. */
  readonly retained: Readonly<Record<"before" | "after" | "low_flood", RetainedMib>>;
  /** What is missing and what is held at the end, as the live fleet says. */
  readonly missing: readonly string[];
  readonly held: readonly Held[];
}

export const REFUSED = "429 queue_full";
const isServed = ({ outcome }: Line) => outcome === "200";
const isRefused = ({ outcome }: Line) => outcome === REFUSED;
const inSystemMs = ({ sentMs, endedMs }: Line) => endedMs - sentMs;

/** The part of `saturated` that is left out: slots fill, hints are loaded. */
const FILLING = 0.2;

export type Figures = ReturnType<typeof figuresOf>;
export type PhaseFigures = ReturnType<typeof phaseOf>;

export function figuresOf({ lines, samples, spans, retained }: History) {
  const of = (phase: Phase) => lines.filter((line) => line.phase === phase);
  const entries = PHASES.map((phase) => [phase, phaseOf(of(phase), spans[phase], samples)] as const);
  const phases = Object.fromEntries(entries) as Record<Phase, PhaseFigures>;
  const capacity = capacityOf(lines, spans.saturated);
  const overMs = spans.overload.toMs;
  const backlog = samples.findLast(({ atMs }) => atMs < overMs)?.waiting ?? 0;
  const recovered = samples.find(({ atMs, waiting }) => atMs >= overMs && atMs < spans.after.toMs && waiting === 0);
  return {
    phases,
    /** Requests a second, and the share of them that was served in the overload. */
    capacity_per_s: short(capacity),
    goodput_share: short(phases.overload.served_per_s / capacity),
    /** From the end of the overload until nobody waits; null: somebody always did. */
    recovery_s: recovered === undefined ? null : short((recovered.atMs - overMs) / 1000),
    /** Requests that wait at the end of the overload, and how long they should take. */
    backlog,
    backlog_s: short(backlog / Math.max(0.01, capacity - phases.after.offered_per_s)),
    retained,
  };
}

/** Requests served a second while the fleet was saturated. */
export function capacityOf(lines: readonly Line[], { fromMs, toMs }: Span): number {
  const filledMs = fromMs + (toMs - fromMs) * FILLING;
  const served = lines.filter((line) => isServed(line) && line.endedMs >= filledMs && line.endedMs <= toMs);
  return (served.length / (toMs - filledMs)) * 1000;
}

function phaseOf(lines: readonly Line[], { fromMs, toMs }: Span, samples: readonly Sample[]) {
  const lastedS = (toMs - fromMs) / 1000;
  const third = (toMs - fromMs) / 3;
  const served = lines.filter(isServed);
  const refused = lines.filter(isRefused);
  const early = refused.filter(({ sentMs }) => sentMs < fromMs + third);
  const late = refused.filter(({ sentMs }) => sentMs >= toMs - third);
  const times = (some: readonly Line[], share: number) => at(sorted(some.map(inSystemMs)), share);
  const seen = samples.filter(({ atMs }) => atMs >= fromMs && atMs < toMs);
  return {
    lasted_s: short(lastedS),
    offered_per_s: short(lines.length / lastedS),
    /** Served to the end during the phase. */
    served_per_s: short(served.filter(({ endedMs }) => endedMs <= toMs).length / lastedS),
    outcomes: counted(lines.map(({ outcome }) => outcome)),
    ...{ p50_ms: times(served, 0.5), p95_ms: times(served, 0.95) },
    normal: waitsOf(lines.filter(({ low }) => !low)),
    low: waitsOf(lines.filter(({ low }) => low)),
    refused_share: lines.length === 0 ? 0 : short(refused.length / lines.length),
    ...{ refusal_p50_ms: times(refused, 0.5), refusal_p99_ms: times(refused, 0.99) },
    /** Medians of the first and the last third of the phase. */
    ...{ refusal_early_ms: times(early, 0.5), refusal_late_ms: times(late, 0.5) },
    without_retry_after: refused.filter(({ retryAfterS }) => retryAfterS === null || retryAfterS < 1).length,
    waiting_most: Math.max(0, ...seen.map(({ waiting }) => waiting)),
    resident_mb_most: Math.max(0, ...seen.map(({ resident_mb }) => resident_mb)),
  };
}

function waitsOf(lines: readonly Line[]) {
  const waits = sorted(lines.map(({ queuedMs }) => queuedMs));
  const counts = { served: lines.filter(isServed).length, refused: lines.filter(isRefused).length };
  return { ...counts, wait_p50_ms: at(waits, 0.5), wait_p95_ms: at(waits, 0.95) };
}
