// A soak as text: its course and its verdict for people, one line of JSON for programs.
import { table } from "../simulate/report.ts";
import type { Options } from "./options.ts";
import { SHAPE, type Soaked } from "./run.ts";
import { HINTS } from "./traffic.ts";
import { wentWell, type Finding } from "./verdict.ts";
import { totals, type Window } from "./windows.ts";

/** Lines of the table of a course, of which there can be thousands of windows. */
const LINES = 12;

export function header({ minutes, load, seed }: Options, perSecond: number): string {
  const { concurrencies, hintSlots } = SHAPE;
  return [
    `${minutes} minutes at load ${load}: ${perSecond.toFixed(1)} requests a second on average, ${HINTS} hints, seed ${seed}`,
    `${concurrencies.length} replicas of ${hintSlots} hint slots, concurrency ${Math.min(...concurrencies)} to ${Math.max(...concurrencies)}`,
  ].join("\n");
}

export function tables({ windows, churn, log }: Soaked, findings: readonly Finding[]): string {
  const step = Math.max(1, Math.floor(windows.length / LINES));
  const shown = windows.filter((_, index) => (windows.length - 1 - index) % step === 0);
  const columns: readonly (readonly [string, Exclude<keyof Window, "outcomes">])[] = [
    ["at s", "at_s"],
    ["MiB", "resident_mb"],
    ["CPU", "cpu_share"],
    ["ms CPU each", "cpu_ms_per_request"],
    ["p50 ms", "in_system_p50_ms"],
    ["p95 ms", "in_system_p95_ms"],
    ["queue p95", "queue_p95_ms"],
    ["router p50", "router_p50_ms"],
    ["router p95", "router_p95_ms"],
    ["control p50", "control_p50_ms"],
    ["starved", "starved_share"],
    ["waiting", "waiting"],
    ["in flight", "in_flight"],
  ];
  return [
    table([columns.map(([name]) => name), ...shown.map((window) => columns.map(([, key]) => cell(window[key])))]),
    "",
    `outcomes: ${listed(totals(windows))}`,
    `churn: ${listed(churn)}`,
    `router's log: ${listed(log)}`,
    "",
    ...findings.map(({ check, ok, says }) => `${ok === false ? "FAILED" : ok === null ? "-     " : "ok    "} ${check}: ${says}`),
    "",
    "Times in ms. router: neither in the queue nor at the replica. control: the same without the router. MiB: resident memory of workerd.",
  ].join("\n");
}

export function jsonLine(
  options: Options,
  { windows, churn, perSecond, log }: Soaked,
  findings: readonly Finding[],
  tookMs: number,
) {
  return JSON.stringify({
    ok: wentWell(findings),
    minutes: options.minutes,
    load: options.load,
    seed: options.seed,
    took_s: Math.round(tookMs / 1000),
    requests_per_second: perSecond,
    outcomes: totals(windows),
    churn,
    log,
    findings,
    windows,
  });
}

function cell(value: Window[Exclude<keyof Window, "outcomes">]): string {
  return value === null ? "-" : String(value);
}

export function listed(counts: Readonly<Record<string, number>>): string {
  const names = Object.entries(counts);
  return names.length === 0 ? "none" : names.map(([name, count]) => `${name} ${count}`).join(", ");
}
