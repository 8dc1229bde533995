// A comparison as text: a table for people, one line of JSON for programs.
import { basename } from "node:path";
import { mean } from "simple-statistics";
import { table } from "../simulate/report.ts";
import { totalServiceMs, type Workload } from "../simulate/workload.ts";
import { agrees, type Comparison, type Figures, type Tolerances } from "./comparison.ts";
import type { Options } from "./options.ts";
import type { Plan } from "./plan.ts";

/** Under this a request's way through the router is no longer small beside what it takes. */
const SERVICE_MIN_MS = 100;

export function header(
  { trace, load, retiming, seed, ...options }: Options,
  original: Plan,
  { workload, fleet, coldMs }: Plan,
): string {
  const hints = new Set(workload.map(({ hint }) => hint)).size;
  const retimed = retiming === "linear" ? "retimed linearly" : `retimed flat by ${retiming}, 1 h windows`;
  const asked = loadOf(original.workload, options.replicas * options.concurrency).toFixed(2);
  const spanS = (workload.at(-1)?.atMs ?? 0) / 1000;
  const [serviceMs, loadMs, beatMs] = [meanServiceMs(workload), coldMs, fleet.heartbeatMs].map((ms) => ms.toFixed(0));
  return [
    `${trace === null ? "synthetic" : basename(trace)}: ${workload.length} requests, ${hints} hints, ${retimed}, load ${load} (these: ${asked}), seed ${seed}`,
    `${options.replicas} replicas of ${options.slots} hint slots, concurrency ${options.concurrency}, loads ${options.coldMs / 1000} s`,
    `${options.compression} times as fast: ${spanS.toFixed(0)} s, services ${serviceMs} ms on average, loads ${loadMs} ms, heartbeats ${beatMs} ms apart`,
  ].join("\n");
}

/** Null: compression leaves enough of a request to be measured. */
export function warning({ workload }: Plan): string | null {
  const serviceMs = meanServiceMs(workload);
  if (serviceMs >= SERVICE_MIN_MS) return null;
  return `warning: a request takes ${serviceMs.toFixed(0)} ms on average, some 3 ms of overhead count: a lower --compression is more exact`;
}

export function tables(comparison: Comparison, { miss, mean }: Tolerances, compression: number): string {
  const { real, simulated, original, missDifference, meanRatio, wayMs } = comparison;
  const verdict = (ok: boolean, tolerance: string) => `${ok ? "within" : "NOT within"} ${tolerance}`;
  const row = (name: string, key: keyof Figures, digits: number, difference: string, judged = "") => {
    const cells = [real, simulated].map((figures) => shown(figures[key], digits));
    return [name, ...cells, difference, judged, shown(original[key], digits)];
  };
  const ratio = (key: keyof Figures) => percent(real[key] / simulated[key]);
  const rows = [
    ["", "router", "simulator", "difference", "", "uncompressed"],
    row("miss", "miss", 3, signed(missDifference, 3), verdict(comparison.missAgrees, String(miss))),
    row("mean s", "mean_s", 1, percent(meanRatio), verdict(comparison.meanAgrees, `${mean * 100} %`)),
    row("p50 s", "p50_s", 1, ratio("p50_s")),
    row("p95 s", "p95_s", 1, ratio("p95_s")),
    row("p99 s", "p99_s", 1, ratio("p99_s")),
    row("max s", "max_s", 1, ratio("max_s")),
    row("longest wait s", "longest_wait_s", 1, ratio("longest_wait_s")),
    row("given up", "given_up", 3, signed(real.given_up - simulated.given_up, 3)),
  ];
  return [
    table(rows),
    "",
    `reasons: ${listed(comparison.reasons)}`,
    `errors: ${listed(comparison.errors)}`,
    ...comparison.faults.map((fault) => `fault: ${fault}`),
    `Neither queued nor at a replica: ${wayMs.toFixed(1)} ms a request, which counts as ${((wayMs * compression) / 1000).toFixed(2)} s.`,
    "",
    `Seconds are the workload's: real ones times ${compression}. router: real, on workerd. simulator: the same compressed workload.`,
    "uncompressed: the simulator in the workload's own time, in which times fixed in the router's code weigh as they should.",
  ].join("\n");
}

export function jsonLine(comparison: Comparison, plan: Plan, tookMs: number): string {
  const { real, simulated, original, missDifference, meanRatio, missAgrees, meanAgrees, faults, wayMs } = comparison;
  return JSON.stringify({
    agrees: agrees(comparison),
    requests: plan.workload.length,
    compression: plan.compression,
    took_s: short(tookMs / 1000),
    miss_difference: short(missDifference),
    miss_agrees: missAgrees,
    mean_ratio: short(meanRatio),
    mean_agrees: meanAgrees,
    router: rounded(real),
    simulator: rounded(simulated),
    uncompressed: rounded(original),
    replicas: Object.fromEntries(comparison.replicas),
    reasons: Object.fromEntries(comparison.reasons),
    errors: Object.fromEntries(comparison.errors),
    faults,
    way_ms: short(wayMs),
  });
}

/** Of the workload over what the fleet has until the last arrival. */
function loadOf(workload: Workload, slots: number): number {
  return totalServiceMs(workload) / (slots * (workload.at(-1)?.atMs ?? 0));
}

function meanServiceMs(workload: Workload): number {
  return mean(workload.map(({ serviceMs }) => serviceMs));
}

function listed(counts: ReadonlyMap<string, number>): string {
  return counts.size === 0 ? "none" : [...counts].map(([name, count]) => `${name} ${count}`).join(", ");
}

function shown(value: number, digits: number): string {
  return Number.isFinite(value) ? value.toFixed(digits) : "-";
}

function signed(value: number, digits: number): string {
  if (!Number.isFinite(value)) return "-";
  return `${value < 0 ? "" : "+"}${value.toFixed(digits)}`;
}

function percent(ratio: number): string {
  const text = signed((ratio - 1) * 100, 1);
  return text === "-" ? text : `${text} %`;
}

function rounded(figures: Figures): Record<string, number> {
  return Object.fromEntries(Object.entries(figures).map(([name, value]) => [name, short(value)]));
}

function short(value: number): number {
  return Number(value.toPrecision(6));
}
