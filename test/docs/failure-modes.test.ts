// docs/failure-modes.md names a test for every promise: each of them is there, under the title that is cited.
import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { PROJECT } from "../../scripts/bundle.ts";

const rows = readFileSync(path.join(PROJECT, "docs", "failure-modes.md"), "utf8")
  .split("\n")
  .filter((line) => line.startsWith("|"))
  .map((line) => line.split("|").map((cell) => cell.trim()))
  .map((cells) => ({ fault: cells[1] ?? "", cells: cells.slice(1, -1) }))
  .filter(({ fault }) => fault !== "Fault" && !/^-+$/.test(fault));

test("there are rows, and none leaves a column empty", () => {
  expect(rows.length).toBeGreaterThan(40);
  expect(rows.filter(({ cells }) => cells.length !== 5 || cells.includes("")).map(({ fault }) => fault)).toEqual([]);
});

test.each(rows)("$fault", ({ cells }) => {
  const cited = [...(cells[4] ?? "").matchAll(/`([\w/-]+)`: "([^"]+)"/g)];
  expect(cited.length).toBeGreaterThan(0);
  for (const [, file, title] of cited) {
    const text = readFileSync(path.join(PROJECT, "test", `${file}.test.ts`), "utf8");
    expect(text.includes(`"${title ?? ""}`), `${file}: ${title}`).toBe(true);
  }
});
