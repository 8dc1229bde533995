// What the comparison of examples/ocr computes and judges, without its packages: the workload, what counts as read, the verdict, the table and the chart.
import { expect, test } from "vitest";
import { figuresOf } from "../../examples/ocr/compare/figures.ts";
import { judge } from "../../examples/ocr/compare/judge.ts";
import type { Outcome, Run } from "../../examples/ocr/compare/outcome.ts";
import { chart, tables } from "../../examples/ocr/compare/report.ts";
import { shareRead } from "../../examples/ocr/compare/text.ts";
import { WORDS } from "../../examples/ocr/compare/words.ts";
import { workload } from "../../examples/ocr/compare/workload.ts";
import { LANGUAGES } from "../../examples/ocr/languages.ts";

const read = (latencyMs: number, load_ms: number | null): Outcome => {
  return {
    latencyMs,
    reading: { replica: "a", language: "deu", text: "", load_ms, recognise_ms: 50 },
    fault: null,
    wordsRead: 1,
  };
};
const failed: Outcome = { latencyMs: 5, reading: null, fault: "503 full", wordsRead: 0 };
const runOf = (outcomes: readonly Outcome[], loads: number, other = 0.01): Run => {
  const report = { replica: "a", held: [], loads, pages: outcomes.length, cpu_ms: 1, resident_mib: 100 };
  return { way: "nginx, hash", outcomes, reports: [report], busy: { own: 0.3, other } };
};
const good = runOf([read(100, 40), read(60, null), read(80, null)], 1);

test("the same seed gives the same pages at the same times; another gives others", () => {
  expect(workload(3, 40, 2)).toEqual(workload(3, 40, 2));
  expect(workload(4, 40, 2)).not.toEqual(workload(3, 40, 2));
});

test("pages come at the rate that was asked for, in all languages, some of them far more often", () => {
  const pages = workload(1, 4000, 5);
  expect((pages.at(-1)?.atMs ?? 0) / 800_000).toBeCloseTo(1, 1);
  expect(pages.every(({ atMs }, index) => atMs > (pages[index - 1]?.atMs ?? 0))).toBe(true);
  const counts = LANGUAGES.map((name) => pages.filter(({ language }) => language === name).length).sort((a, b) => b - a);
  expect((counts[0] ?? 0) / 4000).toBeCloseTo(0.3, 1);
  expect(counts.at(-1)).toBeGreaterThan(20);
});

test("every language has as many words as any other, each once", () => {
  for (const language of LANGUAGES) expect(new Set(WORDS[language]).size, language).toBe(24);
});

test("a page is as much read as its words are in the text, each as often as on the page", () => {
  const lines = ["Brücke Brot Brot", "Licht"];
  expect(shareRead(lines, "brücke brot\nbrot licht\n")).toBe(1);
  expect(shareRead(lines, "brücke brot licht")).toBe(0.75);
  expect(shareRead(lines, "brucke brod lieht")).toBe(0);
  expect(shareRead(["µουσική"], "μουσική")).toBe(1);
});

test("figures", () => {
  const figures = figuresOf(runOf([read(100, 40), read(60, null), failed, read(80, 20)], 2));
  expect(figures).toMatchObject({ pages: 4, cold_loads: 2, load_s: 0.06, mean_ms: 80, p50_ms: 80, failed: 1, recognised: 3 });
  expect(figures).toMatchObject({
    words_share: 0.75,
    warm_recognise_ms: 50,
    loads_at_replicas: 2,
    cpu_own: 0.3,
    cpu_other: 0.01,
  });
});

const failing = (runs: readonly Run[]) => judge(runs).flatMap(({ check, ok }) => (ok === true ? [] : [[check, ok]]));

test("the verdict: what fails it, and what only makes it doubtful", () => {
  expect(failing([good])).toEqual([]);
  expect(failing([good, runOf([...good.outcomes, failed], 1)])).toEqual([
    ["read", false],
    ["recognised", false],
  ]);
  expect(failing([runOf([{ ...read(60, null), wordsRead: 0.89 }], 0)])).toEqual([["recognised", false]]);
  expect(failing([runOf(good.outcomes, 2)])).toEqual([["loads", false]]);
  expect(failing([runOf(good.outcomes, 1, 0.3)])).toEqual([["quiet machine", null]]);
});

test("of several runs a cell has the mean, the least and the most", () => {
  const slower = runOf([read(200, 40), read(160, 40), read(180, null)], 2);
  const [, row] = tables([{ way: "nginx, hash", runs: [good, slower] }]).split("\n");
  expect(row?.split(/\s{2,}/)).toEqual([
    ...["nginx, hash", "3", "2 (1-2)", "0.1 (0.0-0.1)", "130 (80-180)", "130 (80-180)"],
    ...["148 (98-198)", "150 (100-200)", "0", "3"],
  ]);
  expect(tables([{ way: "nginx, hash", runs: [runOf([failed], 0)] }])).toContain("  -  ");
});

test("the chart names every way", () => {
  const svg = chart(
    ["Warmpath", "nginx, hash"].map((way) => ({ way, runs: [{ ...good, way }] })),
    "three pages",
  );
  for (const text of ["Warmpath", "nginx, hash", "three pages"]) expect(svg).toContain(text);
});
