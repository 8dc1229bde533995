// What the requests of an overload come to. Pure.
import { max, median } from "simple-statistics";
import type { RetainedMib } from "../fleet.ts";
import { at, counted, short, sorted } from "../windows.ts";
import {
  PHASES,
  REFUSED,
  type Generator,
  type History,
  type Line,
  type Phase,
  type Rest,
  type Sample,
  type Span,
} from "./phases.ts";

export interface Waits {
  readonly served: number;
  readonly refused: number;
  readonly wait_p50_ms: number | null;
  readonly wait_p95_ms: number | null;
}

export interface PhaseFigures extends Generator {
  readonly lasted_s: number;
  readonly offered_per_s: number;
  /** Served to the end while it lasted. */
  readonly served_per_s: number;
  readonly outcomes: Readonly<Record<string, number>>;
  /** Time in system of served requests. */
  readonly p50_ms: number | null;
  readonly p95_ms: number | null;
  readonly normal: Waits;
  readonly low: Waits;
  /** Refusals; the last two are medians of the first and the last third of the phase. */
  readonly refused_share: number;
  readonly refusal_p50_ms: number | null;
  readonly refusal_p99_ms: number | null;
  readonly refusal_early_ms: number | null;
  readonly refusal_late_ms: number | null;
  readonly without_retry_after: number;
  readonly waiting_most: number;
  readonly resident_mb_median: number | null;
  readonly resident_mb_most: number | null;
}

export interface Figures {
  readonly phases: Readonly<Record<Phase, PhaseFigures>>;
  /** Requests a second, and what the overload was served with over that. */
  readonly capacity_per_s: number;
  readonly goodput_share: number;
  /** 95th percentile of the time in system before the overload: the highest of its windows. */
  readonly normal_p95_ms: number | null;
  /** From the end of the overload until a window's is no higher; null: it was always. */
  readonly recovery_s: number | null;
  /** What the backlog at the end of the overload takes: those waiting over capacity less arrivals. */
  readonly backlog: number;
  readonly backlog_s: number;
  /** Of workerd, when the phase had ended. */
  readonly retained: Readonly<Record<Rest, RetainedMib>>;
}

/** The part of `saturated` that is left out: slots fill, hints are loaded. */
const FILLING = 0.2;
const WINDOW_MS = 3000;
const WINDOWS_LEAST = 4;
const STEP_MS = 250;

export function figuresOf({ lines, samples, spans, generator, retained }: History): Figures {
  const by = Object.groupBy(lines, ({ phase }) => phase);
  const entries = PHASES.map((phase) => {
    const seen = samples.filter(({ atMs }) => atMs >= spans[phase].fromMs && atMs < spans[phase].toMs);
    return [phase, phaseOf(by[phase] ?? [], spans[phase], seen, generator[phase])] as const;
  });
  const phases = Object.fromEntries(entries) as Record<Phase, PhaseFigures>;
  const capacity = capacityOf(lines, spans.saturated);
  const normalP95Ms = normalOf(by.before ?? [], spans.before);
  const recoveredMs = normalP95Ms === null ? null : recoveryMs(by.after ?? [], spans, normalP95Ms);
  const backlog = samples.findLast(({ atMs }) => atMs < spans.overload.toMs)?.waiting ?? 0;
  return {
    phases,
    capacity_per_s: short(capacity),
    goodput_share: short(phases.overload.served_per_s / capacity),
    normal_p95_ms: normalP95Ms,
    recovery_s: recoveredMs === null ? null : short(recoveredMs / 1000),
    backlog,
    backlog_s: short(backlog / Math.max(0.01, capacity - phases.after.offered_per_s)),
    retained,
  };
}

/** Requests served a second while it was saturated. */
export function capacityOf(lines: readonly Line[], { fromMs, toMs }: Span): number {
  const filledMs = fromMs + (toMs - fromMs) * FILLING;
  const served = lines.filter(({ outcome, endedMs }) => outcome === "200" && endedMs >= filledMs && endedMs <= toMs);
  return (served.length / (toMs - filledMs)) * 1000;
}

function phaseOf(lines: readonly Line[], { fromMs, toMs }: Span, samples: readonly Sample[], generator: Generator): PhaseFigures {
  const lastedS = (toMs - fromMs) / 1000;
  const served = lines.filter(({ outcome }) => outcome === "200");
  const refused = lines.filter(({ outcome }) => outcome === REFUSED);
  const inSystem = sorted(served.map(inSystemMs));
  const refusals = sorted(refused.map(inSystemMs));
  const third = (toMs - fromMs) / 3;
  const early = sorted(refused.filter(({ sentMs }) => sentMs < fromMs + third).map(inSystemMs));
  const late = sorted(refused.filter(({ sentMs }) => sentMs >= toMs - third).map(inSystemMs));
  const residents = samples.map(({ resident_mb }) => resident_mb);
  return {
    lasted_s: short(lastedS),
    offered_per_s: short(lines.length / lastedS),
    served_per_s: short(served.filter(({ endedMs }) => endedMs <= toMs).length / lastedS),
    outcomes: counted(lines.map(({ outcome }) => outcome)),
    p50_ms: at(inSystem, 0.5),
    p95_ms: at(inSystem, 0.95),
    normal: waitsOf(lines.filter(({ low }) => !low)),
    low: waitsOf(lines.filter(({ low }) => low)),
    refused_share: lines.length === 0 ? 0 : short(refused.length / lines.length),
    refusal_p50_ms: at(refusals, 0.5),
    refusal_p99_ms: at(refusals, 0.99),
    refusal_early_ms: at(early, 0.5),
    refusal_late_ms: at(late, 0.5),
    without_retry_after: refused.filter(({ retryAfterS }) => retryAfterS === null || retryAfterS < 1).length,
    waiting_most: samples.length === 0 ? 0 : max(samples.map(({ waiting }) => waiting)),
    resident_mb_median: medianOf(samples),
    resident_mb_most: residents.length === 0 ? null : max(residents),
    ...generator,
  };
}

function waitsOf(lines: readonly Line[]): Waits {
  const waits = sorted(lines.map(({ queuedMs }) => queuedMs));
  return {
    served: lines.filter(({ outcome }) => outcome === "200").length,
    refused: lines.filter(({ outcome }) => outcome === REFUSED).length,
    wait_p50_ms: at(waits, 0.5),
    wait_p95_ms: at(waits, 0.95),
  };
}

/** The highest 95th percentile of a window; null: nothing was served. */
function normalOf(lines: readonly Line[], span: Span): number | null {
  const windowMs = windowOf(span);
  const seen: number[] = [];
  for (let fromMs = span.fromMs; fromMs + windowMs <= span.toMs; fromMs += STEP_MS) {
    const p95 = p95Of(lines, fromMs, windowMs);
    if (p95 !== null && p95 < Infinity) seen.push(p95);
  }
  return seen.length === 0 ? null : max(seen);
}

/** When two windows in a row are as before, ms after the end of the overload. */
function recoveryMs(lines: readonly Line[], { before, overload, after }: History["spans"], normalP95Ms: number): number | null {
  const windowMs = windowOf(before);
  const normal = (fromMs: number) => (p95Of(lines, fromMs, windowMs) ?? Infinity) <= normalP95Ms;
  for (let fromMs = overload.toMs; fromMs + 2 * windowMs <= after.toMs; fromMs += STEP_MS) {
    if (normal(fromMs) && normal(fromMs + windowMs)) return fromMs - overload.toMs;
  }
  return null;
}

/** Of requests sent in the window; whoever was not served has taken for ever. */
function p95Of(lines: readonly Line[], fromMs: number, windowMs: number): number | null {
  const sent = lines.filter(({ sentMs }) => sentMs >= fromMs && sentMs < fromMs + windowMs);
  return at(sorted(sent.map((line) => (line.outcome === "200" ? inSystemMs(line) : Infinity))), 0.95);
}

function windowOf({ fromMs, toMs }: Span): number {
  return Math.min(WINDOW_MS, (toMs - fromMs) / WINDOWS_LEAST);
}

function inSystemMs({ sentMs, endedMs }: Line): number {
  return endedMs - sentMs;
}

function medianOf(samples: readonly Sample[]): number | null {
  return samples.length === 0 ? null : short(median(samples.map(({ resident_mb }) => resident_mb)));
}
