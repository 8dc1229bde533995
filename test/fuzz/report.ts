// What a run found as text: a table with a line a kind for people, one object of JSON for programs.
import { table } from "../../bench/report.ts";
import { KINDS, type Kind } from "./input.ts";
import type { Report, Tally, Violation } from "./run.ts";

/** Of a violating input; the rest is told by its length. */
const SHOWN_BYTES = 2000;
const COLUMNS = 130;

export function tables(report: Report, seed: number): string {
  const rows = KINDS.map((kind) => row(kind, report.tallies.get(kind)));
  const violations = report.violations.map((violation) => `\n${described(violation, seed)}`);
  const [heading = "", ...lines] = table([["kind", "inputs", "violations"], ...rows]).split("\n");
  const outcomes = KINDS.map((kind) => outcomesOf(report.tallies.get(kind)));
  const told = lines.map((line, index) => wrapped(line, outcomes[index] ?? []));
  return [`${heading}  outcomes`, ...told, ...violations, "", summary(report, seed)].join("\n");
}

/** One line. */
export function summary({ sent, crashes, logged, stateChanges, violations, tookMs }: Report, seed: number): string {
  const verdict = ["no violation", "1 kind of violation"][violations.length] ?? `${violations.length} kinds of violation`;
  const seconds = (tookMs / 1000).toFixed(1);
  return `${sent} inputs, seed ${seed}: ${verdict}, ${crashes} crashes, ${logged} lines logged, ${stateChanges} state changes, ${seconds} s`;
}

export function jsonLine(report: Report, seed: number): string {
  const kinds = Object.fromEntries(
    [...report.tallies].map(([kind, { count, violations, outcomes }]) => [
      kind,
      { inputs: count, violations, outcomes: Object.fromEntries(sorted(outcomes)) },
    ]),
  );
  const violations = report.violations.map(({ fault, times, input }) => ({
    fault,
    times,
    allowed: input?.allowed ?? null,
    input: input === null ? null : escaped(input.bytes),
  }));
  const { sent, crashes, logged, stateChanges, tookMs } = report;
  return JSON.stringify({
    seed,
    inputs: sent,
    crashes,
    logged,
    state_changes: stateChanges,
    violations,
    kinds,
    took_s: tookMs / 1000,
  });
}

function row(kind: Kind, tally: Tally | undefined): string[] {
  return [kind, String(tally?.count ?? 0), String(tally?.violations ?? 0)];
}

function outcomesOf(tally: Tally | undefined): string[] {
  return sorted(tally?.outcomes ?? new Map()).map(([outcome, times]) => `${times} ${outcome}`);
}

/** A line with a list after it, which goes on below itself where it is long. */
function wrapped(line: string, list: readonly string[]): string {
  if (list.length === 0) return line;
  const lines = [`${line} `];
  for (const [index, element] of list.entries()) {
    const text = ` ${element}${index < list.length - 1 ? "," : ""}`;
    const last = lines.length - 1;
    if ((lines[last]?.length ?? 0) + text.length > COLUMNS) lines.push(" ".repeat(line.length + 1) + text);
    else lines[last] += text;
  }
  return lines.join("\n");
}

function sorted(outcomes: ReadonlyMap<string, number>): [string, number][] {
  return [...outcomes].sort(([, a], [, b]) => b - a);
}

function described({ fault, times, input }: Violation, seed: number): string {
  const lines = [`VIOLATION ${fault} (${times} times, seed ${seed})`];
  if (input === null) return [...lines, "  no input shows it alone"].join("\n");
  if (input.allowed.length > 0) lines.push(`  allowed: ${input.allowed.join(", ")}`);
  return [...lines, `  ${input.bytes.length} bytes: ${escaped(input.bytes)}`].join("\n");
}

/** As in a string of C. */
function escaped(bytes: Buffer): string {
  const text = bytes
    .subarray(0, SHOWN_BYTES)
    .toString("latin1")
    .replaceAll(/[^\x20-\x7e]|[\\"]/g, (character) => ESCAPES.get(character) ?? hex(character));
  return `"${text}"${bytes.length > SHOWN_BYTES ? "…" : ""}`;
}

const ESCAPES = new Map([
  ["\r", String.raw`\r`],
  ["\n", String.raw`\n`],
  ["\t", String.raw`\t`],
  ["\\", String.raw`\\`],
  ['"', String.raw`\"`],
]);

function hex(character: string): string {
  return `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
}
