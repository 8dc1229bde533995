// How commands present results: tables, counts, figures with few digits, and what a verdict found.
import { quantileSorted } from "simple-statistics";
import type { Held } from "./live/fleet.ts";

/** What a verdict says of one check. `ok` null: the check was not judged, and fails nothing. */
export interface Finding {
  readonly check: string;
  readonly ok: boolean | null;
  readonly says: string;
}

export const isWell = (findings: readonly Finding[]) => findings.every(({ ok }) => ok !== false);

export function verdict(findings: readonly Finding[]): string {
  const word = (ok: boolean | null) => (ok === null ? "-     " : ok ? "ok    " : "FAILED");
  return findings.map(({ check, ok, says }) => `${word(ok)} ${check}: ${says}`).join("\n");
}

/** What must be as before when a run is over. */
export function leftovers(missing: readonly string[], held: readonly Held[]): Finding[] {
  const still = held.map((its) => `${its.waiting} waiting, ${its.in_flight} in flight, ${its.running} at replicas after the end`);
  return [
    { check: "fleet whole", ok: missing.length === 0, says: missing.join(", ") || "every replica ready" },
    { check: "nothing held", ok: held.length === 0, says: still.join("; ") || "nothing after the end" },
  ];
}

/** The first column is aligned to the left, the others to the right. Null is a dash. */
export function table(rows: readonly (readonly (string | number | null)[])[]): string {
  const text = rows.map((row) => row.map((cell) => String(cell ?? "-")));
  const widths = (text[0] ?? []).map((_, column) => Math.max(...text.map((row) => row[column]?.length ?? 0)));
  const padded = (cell: string, column: number) =>
    column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0);
  return text.map((row) => row.map(padded).join("  ").trimEnd()).join("\n");
}

/** How often each name is there, most frequent first. */
export function counted(names: Iterable<string>): Record<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return Object.fromEntries([...counts].sort(([, a], [, b]) => b - a));
}

export function listed(counts: Readonly<Record<string, number>>): string {
  const named = Object.entries(counts).map(([name, count]) => `${name} ${count}`);
  return named.length === 0 ? "none" : named.join(", ");
}

export function short(value: number): number {
  return Math.round(value * 100) / 100;
}

/** The values that are not null, rising. */
export function sorted(values: readonly (number | null)[]): number[] {
  return values.filter((value) => value !== null).sort((a, b) => a - b);
}

/** A quantile of rising values; null: there are no values. */
export function at(rising: readonly number[], share: number): number | null {
  return rising.length === 0 ? null : short(quantileSorted([...rising], share));
}
