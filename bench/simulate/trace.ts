// Reads a trace: CSV or CSV.gz with the columns t_ms, key and service_ms, in any order, others ignored.
import { parse } from "csv-parse/sync";
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import type { Request } from "./workload.ts";

export interface TraceOptions {
  readonly serviceScale: number;
  /** What a request takes whose row gives no service time. */
  readonly serviceMs: number;
  /** Keys end at their first `+`: what comes after it is loaded on top of the base before it. */
  readonly cutPlus: boolean;
}

const REQUIRED = ["t_ms", "key"];
/** What a run in memory can hold with room to spare; the largest trace at hand has 209,723 rows and 9 MB. */
const ROWS_MAX = 2_000_000;
const TEXT_BYTES_MAX = 256 * 1024 * 1024;

/** Rows sorted by time. Throws an Error that names the first bad row. */
export function readTrace(path: string, options: TraceOptions): Request[] {
  const bytes = readFileSync(path);
  const zipped = bytes[0] === 0x1f && bytes[1] === 0x8b;
  const text = (zipped ? gunzipSync(bytes, { maxOutputLength: TEXT_BYTES_MAX }) : bytes).toString("utf8");
  return parseTrace(text, path, options);
}

export function parseTrace(text: string, name: string, { serviceScale, serviceMs, cutPlus }: TraceOptions): Request[] {
  const rows = parse(text, { columns: true, skip_empty_lines: true, trim: true, bom: true, to: ROWS_MAX + 1 }) as Record<
    string,
    string
  >[];
  const [first] = rows;
  if (first === undefined) throw new Error(`${name} has no rows`);
  if (rows.length > ROWS_MAX) throw new Error(`${name} has more than ${ROWS_MAX} rows`);
  for (const column of REQUIRED) if (!(column in first)) throw new Error(`${name} has no column ${column}`);
  const requests = rows.map((row, index): Request => {
    const bad = (what: string) => new Error(`${name}, row ${index + 1}: ${what}`);
    const atMs = Number(row["t_ms"]);
    const key = row["key"] ?? "";
    const hint = cutPlus ? key.replace(/\+.*$/s, "") : key;
    const given = row["service_ms"] ?? "";
    const its = given === "" ? serviceMs : Number(given) * serviceScale;
    if (row["t_ms"] === "" || !Number.isFinite(atMs)) throw bad("t_ms is no number");
    if (hint === "") throw bad("key is empty");
    if (!(Number.isFinite(its) && its >= 0)) throw bad("service_ms is no number from 0");
    return { atMs, hint, serviceMs: its };
  });
  return requests.sort((a, b) => a.atMs - b.atMs);
}
