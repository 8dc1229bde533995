// The phases of an overload, and what their requests come to. Pure.
import { max } from "simple-statistics";
import type { RetainedMib } from "../../live/router.ts";
import { at, counted, short, sorted } from "../../report.ts";

/**
 * In order. Before each the queue and the replicas are empty, but for `after`, which is to show how that comes about.
 * saturated: as many clients as keep every slot busy, each sending when its last request has ended. What that gives is the capacity.
 * before: half of it. overload: many times it, and one request in ten is of low priority. after: half of it again, at once.
 * low_flood: many times it, but requests of normal priority are only half of it.
 */
export const PHASES = ["saturated", "before", "overload", "after", "low_flood"] as const;
export type Phase = (typeof PHASES)[number];

/** One request; times are `performance.now()`. */
export interface Line {
  readonly phase: Phase;
  readonly low: boolean;
  readonly sentMs: number;
  readonly endedMs: number;
  /** `200`, or what it was instead. */
  readonly outcome: string;
  /** In the router's queue, by its own clock; null: it was not served. */
  readonly queuedMs: number | null;
  /** Null: the answer has none. */
  readonly retryAfterS: number | null;
}

export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/** At a moment. */
export interface Sample {
  readonly atMs: number;
  readonly resident_mb: number;
  readonly waiting: number;
}

/** Phases after which nothing is under way for a moment, and is looked at what the router holds. */
export type Rest = Extract<Phase, "before" | "after" | "low_flood">;

export interface History {
  readonly lines: readonly Line[];
  readonly samples: readonly Sample[];
  readonly spans: Readonly<Record<Phase, Span>>;
  readonly retained: Readonly<Record<Rest, RetainedMib>>;
}

export const REFUSED = "429 queue_full";
const isServed = ({ outcome }: Line) => outcome === "200";
const isRefused = ({ outcome }: Line) => outcome === REFUSED;
const inSystemMs = ({ sentMs, endedMs }: Line) => endedMs - sentMs;

/** The part of `saturated` that is left out: slots fill, hints are loaded. */
const FILLING = 0.2;
const WINDOW_MS = 3000;
const WINDOWS_LEAST = 4;
const STEP_MS = 250;

export type Figures = ReturnType<typeof figuresOf>;
export type PhaseFigures = ReturnType<typeof phaseOf>;

export function figuresOf({ lines, samples, spans, retained }: History) {
  const of = (phase: Phase) => lines.filter((line) => line.phase === phase);
  const phases = Object.fromEntries(PHASES.map((phase) => [phase, phaseOf(of(phase), spans[phase], samples)] as const));
  const { overload, after } = phases as Record<Phase, PhaseFigures>;
  const capacity = capacityOf(lines, spans.saturated);
  const normalP95Ms = normalOf(of("before"), spans.before);
  const recoveredMs = normalP95Ms === null ? null : recoveryMs(of("after"), spans, normalP95Ms);
  const backlog = samples.findLast(({ atMs }) => atMs < spans.overload.toMs)?.waiting ?? 0;
  return {
    phases: phases as Record<Phase, PhaseFigures>,
    /** Requests a second, and what the overload was served with over that. */
    capacity_per_s: short(capacity),
    goodput_share: short((overload?.served_per_s ?? 0) / capacity),
    /** 95th percentile of the time in system before the overload: the highest of its windows. */
    normal_p95_ms: normalP95Ms,
    /** From the end of the overload until a window's is no higher; null: it was always. */
    recovery_s: recoveredMs === null ? null : short(recoveredMs / 1000),
    /** Those waiting at the end of the overload, and what they take: over capacity less arrivals. */
    backlog,
    backlog_s: short(backlog / Math.max(0.01, capacity - (after?.offered_per_s ?? 0))),
    /** Of workerd, when the phase had ended. */
    retained,
  };
}

/** Requests served a second while it was saturated. */
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
  const times = (some: readonly Line[], share: number) => at(sorted(some.map(inSystemMs)), share);
  const seen = samples.filter(({ atMs }) => atMs >= fromMs && atMs < toMs);
  const most = (values: readonly number[]) => (values.length === 0 ? 0 : max([...values]));
  return {
    lasted_s: short(lastedS),
    offered_per_s: short(lines.length / lastedS),
    /** Served to the end while it lasted. */
    served_per_s: short(served.filter(({ endedMs }) => endedMs <= toMs).length / lastedS),
    outcomes: counted(lines.map(({ outcome }) => outcome)),
    ...{ p50_ms: times(served, 0.5), p95_ms: times(served, 0.95) },
    normal: waitsOf(lines.filter(({ low }) => !low)),
    low: waitsOf(lines.filter(({ low }) => low)),
    refused_share: lines.length === 0 ? 0 : short(refused.length / lines.length),
    ...{ refusal_p50_ms: times(refused, 0.5), refusal_p99_ms: times(refused, 0.99) },
    /** Medians of the first and the last third of the phase. */
    refusal_early_ms: times(
      refused.filter(({ sentMs }) => sentMs < fromMs + third),
      0.5,
    ),
    refusal_late_ms: times(
      refused.filter(({ sentMs }) => sentMs >= toMs - third),
      0.5,
    ),
    without_retry_after: refused.filter(({ retryAfterS }) => retryAfterS === null || retryAfterS < 1).length,
    waiting_most: most(seen.map(({ waiting }) => waiting)),
    resident_mb_most: most(seen.map(({ resident_mb }) => resident_mb)),
  };
}

function waitsOf(lines: readonly Line[]) {
  const waits = sorted(lines.map(({ queuedMs }) => queuedMs));
  const counts = { served: lines.filter(isServed).length, refused: lines.filter(isRefused).length };
  return { ...counts, wait_p50_ms: at(waits, 0.5), wait_p95_ms: at(waits, 0.95) };
}

/** The highest 95th percentile of a window; null: nothing was served. */
function normalOf(lines: readonly Line[], span: Span): number | null {
  const windowMs = windowOf(span);
  const seen: number[] = [];
  for (let fromMs = span.fromMs; fromMs + windowMs <= span.toMs; fromMs += STEP_MS) seen.push(p95Of(lines, fromMs, windowMs));
  const finite = seen.filter((p95) => p95 < Infinity);
  return finite.length === 0 ? null : max(finite);
}

/** When two windows in a row are as before, ms after the end of the overload. */
function recoveryMs(lines: readonly Line[], { before, overload, after }: History["spans"], normalP95Ms: number): number | null {
  const windowMs = windowOf(before);
  const normal = (fromMs: number) => p95Of(lines, fromMs, windowMs) <= normalP95Ms;
  for (let fromMs = overload.toMs; fromMs + 2 * windowMs <= after.toMs; fromMs += STEP_MS) {
    if (normal(fromMs) && normal(fromMs + windowMs)) return fromMs - overload.toMs;
  }
  return null;
}

/** Of requests sent in the window; whoever was not served has taken for ever. Infinity too where none was sent. */
function p95Of(lines: readonly Line[], fromMs: number, windowMs: number): number {
  const sent = lines.filter(({ sentMs }) => sentMs >= fromMs && sentMs < fromMs + windowMs);
  return at(sorted(sent.map((line) => (isServed(line) ? inSystemMs(line) : Infinity))), 0.95) ?? Infinity;
}

function windowOf({ fromMs, toMs }: Span): number {
  return Math.min(WINDOW_MS, (toMs - fromMs) / WINDOWS_LEAST);
}
