// Reads a trace: CSV or CSV.gz with the columns t_ms, key and service_ms, in any order, others ignored.
import { parse } from "csv-parse/sync";
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import type { Request } from "./workload.ts";

export interface TraceOptions {
  readonly serviceScale: number;
  /** The service time of a request whose row gives none. */
  readonly serviceMs: number;
}

/** A run in memory holds so many with room to spare. The largest trace at hand has 209,723 rows and 9 MB. */
const ROWS_MAX = 2_000_000;
const TEXT_BYTES_MAX = 256 * 1024 * 1024;

/** Rows sorted by time. Throws an Error that names the first bad row. */
export function readTrace(path: string, options: TraceOptions): Request[] {
  const bytes = readFileSync(path);
  const zipped = bytes[0] === 0x1f && bytes[1] === 0x8b;
  const text = (zipped ? gunzipSync(bytes, { maxOutputLength: TEXT_BYTES_MAX }) : bytes).toString("utf8");
  return parseTrace(text, path, options);
}

export function parseTrace(text: string, name: string, { serviceScale, serviceMs }: TraceOptions): Request[] {
  const rows: Record<string, string>[] = parse(text, {
    columns: true,
    skip_empty_lines: true,
    trim: true,
    bom: true,
    to: ROWS_MAX + 1,
  });
  if (rows.length === 0) throw new Error(`${name} has no rows`);
  if (rows.length > ROWS_MAX) throw new Error(`${name} has more than ${ROWS_MAX} rows`);
  const missing = ["t_ms", "key"].find((column) => rows[0]?.[column] === undefined);
  if (missing !== undefined) throw new Error(`${name} has no column ${missing}`);
  const requests = rows.map((row, index): Request => {
    const bad = (what: string) => new Error(`${name}, row ${index + 1}: ${what}`);
    const { t_ms: at = "", key: hint = "", service_ms: given = "" } = row;
    const its = given === "" ? serviceMs : Number(given) * serviceScale;
    if (at === "" || !Number.isFinite(Number(at))) throw bad("t_ms is no number");
    if (hint === "") throw bad("key is empty");
    if (!(Number.isFinite(its) && its >= 0)) throw bad("service_ms is no number from 0");
    return { atMs: Number(at), hint, serviceMs: its };
  });
  return requests.sort((a, b) => a.atMs - b.atMs);
}
