// The replica of examples/ocr as a process: it really reads, holds so many languages and no more, and survives what is no picture. Skipped, with a notice, without
// the packages of the example.
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { seeded } from "../../bench/simulate/random.ts";
import type { Reading, Report } from "../../examples/ocr/answers.ts";
import { startReplicas, type Fleet } from "../../examples/ocr/compare/replicas.ts";
import { linesIn, shareRead } from "../../examples/ocr/compare/text.ts";
import type { Language } from "../../examples/ocr/languages.ts";
import { hasOcr, OCR } from "../support/ocr.ts";

const isThere = hasOcr();

describe.skipIf(!isThere)("a replica that holds two languages", () => {
  let fleet: Fleet;
  let origin = "";
  let pngOf: (lines: readonly string[]) => Buffer;

  beforeAll(async () => {
    // By a path that is made here: the type check knows nothing of packages that may be absent.
    ({ pngOf } = (await import(path.join(OCR, "compare", "picture.ts"))) as { pngOf: typeof pngOf });
    fleet = await startReplicas(1, 2, {}, AbortSignal.timeout(30_000));
    origin = fleet.origins[0] ?? "";
  });
  afterAll(() => fleet[Symbol.asyncDispose]());

  const post = (query: string, body: string | Uint8Array<ArrayBuffer>) => fetch(`${origin}/${query}`, { method: "POST", body });
  async function read(language: Language, lines: readonly string[]): Promise<Reading> {
    const response = await post(`?language=${language}`, new Uint8Array(pngOf(lines)));
    expect(response.status).toBe(200);
    return (await response.json()) as Reading;
  }
  const report = async () => (await fetch(origin)).json() as Promise<Report>;

  test("loads what it lacks, in the place of what was used least recently", async () => {
    const random = seeded(1);
    const held: (readonly Language[])[] = [];
    const loaded: boolean[] = [];
    for (const language of ["deu", "fra", "deu", "ukr", "deu", "fra"] as const) {
      const lines = linesIn(language, random);
      const reading = await read(language, lines);
      expect(shareRead(lines, reading.text), language).toBeGreaterThan(0.9);
      loaded.push(reading.load_ms !== null);
      held.push((await report()).held);
    }
    expect(loaded).toEqual([true, true, false, true, false, true]);
    expect(held).toEqual([["deu"], ["deu", "fra"], ["fra", "deu"], ["deu", "ukr"], ["ukr", "deu"], ["deu", "fra"]]);
    expect(await report()).toMatchObject({ loads: 4, pages: 6 });
  });

  test("pages at once are read one after the other", async () => {
    const lines = linesIn("ukr", seeded(2));
    const readings = await Promise.all([read("ukr", lines), read("ukr", lines), read("ukr", lines)]);
    expect(readings.filter(({ load_ms }) => load_ms !== null)).toHaveLength(1);
    expect(new Set(readings.map(({ text }) => text)).size).toBe(1);
  });

  test("the language matters: another one reads little of a page", async () => {
    const lines = linesIn("ukr", seeded(3));
    expect(shareRead(lines, (await read("ukr", lines)).text)).toBeGreaterThan(0.9);
    expect(shareRead(lines, (await read("eng", lines)).text)).toBeLessThan(0.2);
  });

  test("what can't be read is refused, and the replica goes on", async () => {
    const png = pngOf(["Brücke"]);
    const spoilt = [
      ["?language=deu", "no picture", 422],
      ["?language=deu", new Uint8Array(png.subarray(0, png.length / 2)), 422],
      ["?language=xyz", new Uint8Array(png), 422],
      ["", new Uint8Array(png), 422],
      ["elsewhere?language=deu", new Uint8Array(png), 404],
      ["?language=deu", new Uint8Array(4_194_305), 413],
    ] as const;
    for (const [query, body, status] of spoilt) {
      const response = await post(query, body);
      expect([response.status, await response.json()]).toEqual([status, { detail: expect.any(String) as string }]);
    }
    expect((await fetch(origin, { method: "DELETE" })).status).toBe(405);
    expect((await read("deu", ["Brücke Fluss Stadt"])).text).toContain("Brücke Fluss Stadt");
  });
});
