// Reading traces: any order of columns, plain or zipped, sorted by time, and the first bad row named.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, expect, test } from "vitest";
import { parseTrace, readTrace } from "../../bench/simulate/trace.ts";

const folder = mkdtempSync(path.join(tmpdir(), "warmpath-trace-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const AS_IT_IS = { serviceScale: 1, serviceMs: 1000 };
const TEXT = "service_ms,extra,key,t_ms\n500,x,b+lora,20\n,y,a,10\n";
const REQUESTS = [
  { atMs: 10, hint: "a", serviceMs: 1000 },
  { atMs: 20, hint: "b+lora", serviceMs: 500 },
];

test.each([
  ["plain", Buffer.from(TEXT)],
  ["gzip", gzipSync(TEXT)],
  ["with a byte order mark and CRLF", Buffer.from(`\uFEFF${TEXT.replaceAll("\n", "\r\n")}`)],
])("reads a file, %s", (name, bytes) => {
  const file = path.join(folder, name);
  writeFileSync(file, bytes);
  expect(readTrace(file, AS_IT_IS)).toEqual(REQUESTS);
});

test("service times are scaled where given", () => {
  const requests = parseTrace(TEXT, "trace", { serviceScale: 0.5, serviceMs: 1000 });
  expect(requests.map(({ hint, serviceMs }) => [hint, serviceMs])).toEqual([
    ["a", 1000],
    ["b+lora", 250],
  ]);
});

test("requests of one time keep their order", () => {
  const requests = parseTrace("t_ms,key\n5,a\n5,b\n1,c\n", "trace", AS_IT_IS);
  expect(requests.map(({ hint }) => hint)).toEqual(["c", "a", "b"]);
});

test.each([
  ["t_ms,key\n1,a\nsoon,b\n", "row 2: t_ms is no number"],
  ["t_ms,key\n,a\n", "row 1: t_ms is no number"],
  ["t_ms,key\n1,\n", "row 1: key is empty"],
  ["t_ms,key,service_ms\n1,a,5\n2,a,-5\n", "row 2: service_ms is no number from 0"],
  ["t_ms,key,service_ms\n1,a,long\n", "row 1: service_ms is no number from 0"],
  ["t_ms,hint\n1,a\n", "has no column key"],
  ["t_ms,key\n", "has no rows"],
])("refuses %j", (text, message) => {
  expect(() => parseTrace(text, "trace", AS_IT_IS)).toThrow(message);
});
