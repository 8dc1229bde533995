// The comparison as text: a row for each request, both fleets side by side, and what it all came to.
import { styleText } from "node:util";
import type { Answered } from "../../examples/any-model/sample.ts";
import { totalsOf, type Pair, type Totals } from "./comparison.ts";

type Side = (on: string, model: string, wait: string, total: string, reason: string) => string;

const asked = (number: string, hint: string) => `${number.padStart(2)} ${hint.padEnd(10)}`;
const times = (wait: string, total: string) => `${wait.padStart(5)} ${total.padStart(5)}`;
const warmpath: Side = (on, model, wait, total, reason) =>
  `${on.padEnd(5)}  ${reason.padEnd(10)}  ${model.padEnd(5)} ${times(wait, total)}`;
const roundRobin: Side = (on, model, wait, total) => `${on.padEnd(4)}  ${model.padEnd(5)} ${times(wait, total)}`;

/** At most 79 columns, as every row. */
export function headings(): string {
  const left = warmpath("on", "model", "wait", "total", "reason");
  const names = `${asked("", "")}  ${"Warmpath".padEnd(left.length)} │ round robin`;
  return `${names}\n${asked("#", "hint")}  ${left} │ ${roundRobin("on", "model", "wait", "total", "")}`;
}

export function rowOf({ sample, warmpath: ours, roundRobin: theirs }: Pair): string {
  return `${asked(`${sample.number}`, sample.model)}  ${cellsOf(ours, warmpath)} │ ${cellsOf(theirs, roundRobin)}`;
}

function cellsOf(answered: Answered, side: Side): string {
  const { status, replica, reason, loadMs, waitedMs, totalMs } = answered;
  const model = status === 200 ? (loadMs === null ? "warm" : "cold") : String(status);
  const text = side(replica ?? "-", model, seconds(waitedMs), seconds(totalMs), reason ?? "");
  // styleText leaves colours out where they are not wanted (NO_COLOR); a pipe never gets any.
  return process.stdout.isTTY ? styleText(status === 200 ? (loadMs === null ? "green" : "yellow") : "red", text) : text;
}

export function summaryOf(pairs: readonly Pair[]): string {
  const ours = totalsOf(pairs.map((pair) => pair.warmpath));
  const theirs = totalsOf(pairs.map((pair) => pair.roundRobin));
  const row = (name: string, show: (totals: Totals) => string) =>
    `${name.padEnd(38)}${show(ours).padStart(10)}${show(theirs).padStart(14)}`;
  const failed = ours.served < pairs.length || theirs.served < pairs.length;
  return [
    `${"".padEnd(38)}${"Warmpath".padStart(10)}${"round robin".padStart(14)}`,
    ...(failed ? [row(`answered, of ${pairs.length}`, ({ served }) => `${served}`)] : []),
    row("models loaded", ({ loads }) => `${loads}`),
    row("GPU time spent loading", ({ loadingS }) => `${loadingS.toFixed(1)} s`),
    row("mean time of a request", ({ meanS }) => `${meanS.toFixed(2)} s`),
    row("longest", ({ longestS }) => `${longestS.toFixed(2)} s`),
  ].join("\n");
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(2);
}
