// An overload as text: tables and the verdict for people, one line of JSON for programs.
import { table } from "../../simulate/report.ts";
import { listed } from "../report.ts";
import type { Figures, PhaseFigures } from "./figures.ts";
import type { Options } from "./options.ts";
import { PHASES } from "./phases.ts";
import type { Overloaded } from "./run.ts";
import type { Finding } from "./verdict.ts";

type Column = readonly [name: string, of: (phase: PhaseFigures) => number | null];

const COURSE: readonly Column[] = [
  ["lasted s", ({ lasted_s }) => lasted_s],
  ["offered/s", ({ offered_per_s }) => offered_per_s],
  ["served/s", ({ served_per_s }) => served_per_s],
  ["p50 ms", ({ p50_ms }) => p50_ms],
  ["p95 ms", ({ p95_ms }) => p95_ms],
  ["refused", ({ refused_share }) => refused_share],
  ["429 p50", ({ refusal_p50_ms }) => refusal_p50_ms],
  ["429 p99", ({ refusal_p99_ms }) => refusal_p99_ms],
  ["most waiting", ({ waiting_most }) => waiting_most],
  ["MiB", ({ resident_mb_median }) => resident_mb_median],
  ["most MiB", ({ resident_mb_most }) => resident_mb_most],
  ["router CPU", ({ router_cpu_share }) => router_cpu_share],
];
const PRIORITIES: readonly Column[] = [
  ["normal served", ({ normal }) => normal.served],
  ["refused", ({ normal }) => normal.refused],
  ["wait p50", ({ normal }) => normal.wait_p50_ms],
  ["p95", ({ normal }) => normal.wait_p95_ms],
  ["low served", ({ low }) => low.served],
  ["refused", ({ low }) => low.refused],
  ["wait p50", ({ low }) => low.wait_p50_ms],
  ["p95", ({ low }) => low.wait_p95_ms],
];
const GENERATOR: readonly Column[] = [
  ["busy", ({ busy }) => busy],
  ["timers late ms", ({ delay_ms }) => delay_ms],
  ["sent late p99", ({ late_p99_ms }) => late_p99_ms],
];

export function tables(options: Options, figures: Figures, { log }: Overloaded, findings: readonly Finding[]): string {
  const { times, queueLengthMax, queueTimeoutMs, seed } = options;
  const { capacity_per_s, goodput_share, recovery_s, backlog, normal_p95_ms } = figures;
  const rows = (columns: readonly Column[]) =>
    table([
      ["", ...columns.map(([name]) => name)],
      ...PHASES.map((phase) => [phase, ...columns.map(([, of]) => String(of(figures.phases[phase]) ?? "-"))]),
    ]);
  return [
    `${times} times the capacity, QUEUE_LENGTH_MAX ${queueLengthMax}, QUEUE_TIMEOUT_MS ${queueTimeoutMs}, seed ${seed}`,
    "",
    rows(COURSE),
    "",
    "waits in the queue, ms, by priority:",
    rows(PRIORITIES),
    "",
    "clients and replicas, one process:",
    rows(GENERATOR),
    "",
    `capacity ${capacity_per_s} a second; goodput ${goodput_share} of it; p95 ${normal_p95_ms} ms at half of it`,
    `back to that ${recovery_s ?? "-"} s after the overload, which left ${backlog} waiting`,
    `router's log: ${listed(log)}`,
    "",
    ...findings.map(({ check, ok, says }) => `${ok ? "ok    " : "FAILED"} ${check}: ${says}`),
  ].join("\n");
}

export function jsonLine(
  options: Options,
  figures: Figures,
  { log }: Overloaded,
  findings: readonly Finding[],
  tookMs: number,
): string {
  return JSON.stringify({
    ok: findings.every(({ ok }) => ok),
    times: options.times,
    seed: options.seed,
    queue_length_max: options.queueLengthMax,
    queue_timeout_ms: options.queueTimeoutMs,
    took_s: Math.round(tookMs / 1000),
    ...figures,
    log,
    findings,
  });
}
