// `npm start`: the same pages to the same replicas, cold each time, behind Warmpath and behind nginx, one after the other.
import { accessSync, constants, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import path from "node:path";
import { blaming, main, number, program, SEED, type Running } from "../../../bench/command.ts";
import { isWell, verdict } from "../../../bench/report.ts";
import { bundle } from "../../../scripts/bundle.ts";
import { LANGUAGES } from "../languages.ts";
import { figuresOf } from "./figures.ts";
import { judge } from "./judge.ts";
import type { Run } from "./outcome.ts";
import { chart, tables } from "./report.ts";
import { run } from "./run.ts";
import { ways, type Size, type Way } from "./ways.ts";
import { workload } from "./workload.ts";

const NOTES = `
Replicas read pages in ${LANGUAGES.length} languages with Tesseract. Each is a process of its own that holds three languages; to read another one it really loads
a model, in the place of the one used least recently. Every way gets replicas with nothing in memory, and the same pages at the same times. With
several runs each has the next seed and begins with another way, and cells show the mean, with the least and the most.

Exit status: 0 if every page was read and recognised, 1 if not or if something failed, 2 on bad usage, 130 when interrupted.

Examples:
  npm start
  npm start -- --seed 2 --json
  npm start -- --runs 5 --chart five.svg`;

const command = program("npm start --", "Compares Warmpath with nginx on replicas that really load models.", NOTES)
  .option("--requests <number>", "pages for each way", number(1, 10_000, "integer"), 80)
  .option("--rate <pages>", "pages a second", number(0.01, 100), 2)
  .option("--replicas <number>", "replicas", number(1, 16, "integer"), 4)
  .option("--slots <number>", "languages that each has in memory at once", number(1, 16, "integer"), 3)
  .option("--seed <number>", "seed of the pages and their times", SEED, 1)
  .option("--runs <number>", "so many times over, each with the next seed", number(1, 100, "integer"), 1)
  .optionsGroup("Output:")
  .option("--chart <file>", "where the chart of cold loads and latencies goes", "ocr.svg")
  .option("--no-chart", "draw none")
  .option("--json", "one JSON object instead of tables", false);

await main(command, async ({ chart: file, json, ...options }, running) => {
  // Before a quarter of an hour has passed.
  if (file !== false) blaming("--chart", () => accessSync(path.dirname(path.resolve(file)), constants.W_OK));
  const { ways: compared, notice } = ways();
  if (notice !== null) console.error(notice);
  bundle();
  const done = await all(compared, options, running);
  const { requests, rate, replicas, slots, seed, runs } = options;
  const results = compared.map(({ name }) => ({ way: name, runs: done.filter(({ way }) => way === name) }));
  const findings = judge(done);
  const ok = isWell(findings);
  const header = [
    `${requests} pages at ${rate} a second in ${LANGUAGES.length} languages, ${replicas} replicas that hold ${slots}, ${cpus().length} cores,`,
    runs === 1 ? `seed ${seed}` : `seeds ${seed} to ${seed + runs - 1}`,
  ].join(" ");
  if (json) {
    const its = { languages: LANGUAGES.length, cores: cpus().length, notice, findings };
    running.print(
      JSON.stringify({ ok, ...options, ...its, ways: results.map(({ way, runs }) => ({ way, runs: runs.map(figuresOf) })) }),
    );
  } else {
    running.print([header, tables(results), verdict(findings)].join("\n\n"));
  }
  if (file === false) return ok;
  blaming("--chart", () => writeFileSync(file, chart(results, header)));
  if (!json) running.print(`\nThe chart is ${file}.`);
  return ok;
});

interface Options extends Size {
  readonly requests: number;
  readonly rate: number;
  readonly seed: number;
  readonly runs: number;
}

/** Every run of every way. */
async function all(ways: readonly Way[], options: Options, { signal, progress }: Running): Promise<Run[]> {
  const { requests, rate, seed, runs } = options;
  const done: Run[] = [];
  for (let index = 0; index < runs; index++) {
    const pages = workload(seed + index, requests, rate);
    const first = index % ways.length;
    for (const way of [...ways.slice(first), ...ways.slice(0, first)]) {
      signal.throwIfAborted();
      const tell = (count: number) => {
        const share = (done.length + count / requests) / (runs * ways.length);
        progress(`${way.name}, seed ${seed + index}: page ${count} of ${requests}`, share);
      };
      tell(0);
      done.push(await run(way, pages, options, signal, tell));
    }
  }
  return done;
}
