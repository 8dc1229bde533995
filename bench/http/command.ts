// `npm run bench -- http`: what a request costs the router's process, beside a Worker that only passes requests on.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { InvalidArgumentError } from "@commander-js/extra-typings";
import { parseSettings, SETTING_NAMES } from "../../src/settings/settings.ts";
import { BadInput, job, names, number, program } from "../command.ts";
import { table } from "../report.ts";
import { CASE_NAMES, CASES } from "./cases.ts";
import type { Spread } from "./figures.ts";
import { loadGenerator } from "./load.ts";
import { startOrigin } from "./origin.ts";
import { measure, type Row } from "./paired.ts";
import { highestOf, measureRate, RATES, type Highest, type Step } from "./rate.ts";
import { FLOOR, kindsOf } from "./workers.ts";

const RATE = "rate";
const ALL = [...CASE_NAMES, RATE] as const;
const NOTES = `
Cases:
${CASE_NAMES.map((name) => `  ${name.padEnd(19)} ${CASES[name].says}`).join("\n")}
  ${RATE.padEnd(19)} requests a second that one Fleet object takes: rising rates, services of 2 s, hints in band that change with each answer

Every worker is a process of workerd. Load is on one after another, a round on each, after a warm-up round on each. The floor is a Worker that only passes
requests on, or heartbeats to an empty method of a Durable Object. CPU time and memory are those of the worker's process. A ratio is that of one round.
Figures are medians over the rounds, with quartiles. nginx and wrk are used if they are on the PATH, else a server on Node.js and autocannon.

Leaves with 0 if every request was answered and the lowest rate saw no fallback, 1 if not or if something failed, 2 on bad usage, 130 when interrupted.

Examples:
  npm run bench -- http
  npm run bench -- http --only warm,post --router ../base --rounds 20`;

const collected = (text: string, before: readonly string[] = []): readonly string[] => [...before, text];

function setting(text: string, before: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  const [name = "", ...value] = text.split("=");
  if (value.length === 0) throw new InvalidArgumentError("It must be NAME=VALUE.");
  return { ...before, [name]: value.join("=") };
}

const command = program(
  "http",
  "Measures what a request costs the router's process, beside a Worker that only passes it on.",
  NOTES,
)
  .option("--only <names>", `cases, of ${ALL.join(", ")}`, names(ALL), ALL)
  .option("--rounds <number>", "rounds after the warm-up", number(1, 100, "integer"), 7)
  .option("--seconds <number>", "seconds of load in a round, and at a rate", number(1, 60, "integer"), 2)
  .option("--rates <numbers>", "requests a second, rising, with commas between", ratesIn, RATES)
  .option("--router <folder>", "another checkout, whose router is measured as well; may be repeated", collected)
  .option("--setting <name=value>", "a setting of the routers; may be repeated", setting)
  .optionsGroup("Output:")
  .option("--out <folder>", "writes a chart of CPU time a request, performance.svg")
  .option("--json", "one JSON object instead of tables", false);

export const http = job(command, async (options, { signal, progress, print }) => {
  const { only, rounds, seconds, rates, router: others = [], setting: settings = {} } = options;
  checkSettings(settings);
  const kinds = await kindsOf(others);
  const folder = mkdtempSync(path.join(tmpdir(), "warmpath-bench-"));
  await using tidying = new AsyncDisposableStack();
  tidying.defer(() => rmSync(folder, { recursive: true, force: true }));
  const origin = tidying.use(await startOrigin(folder, signal));
  const generator = loadGenerator();
  let done = 0;
  const routers = kinds.filter(({ isFloor }) => !isFloor).length;
  const paired = CASE_NAMES.filter((name) => only.includes(name));
  const steps = paired.length * (rounds + 1) * kinds.length + (only.includes(RATE) ? routers * (rates.length + 1) : 0);
  const shared = { rounds, seconds, settings, kinds, origin, folder, run: generator.run, signal };
  const its = { ...shared, tell: (doing: string) => progress(doing, done++ / steps) };
  const rows: Row[] = [];
  for (const name of paired) rows.push(...(await measure(name, its)));
  const ladder = only.includes(RATE) ? await measureRate({ ...its, rates }) : [];
  const tools = { origin: origin.name, load: generator.name };
  if (options.json)
    print(JSON.stringify({ ...tools, rounds, seconds, cases: rows, highest_rate: highestOf(ladder), rates: ladder }));
  else print(reportOf(rows, ladder, `origin: ${tools.origin}, load: ${tools.load}, ${rounds} rounds of ${seconds} s`));
  if (options.out !== undefined && rows.length > 0) await draw(options.out, rows);
  return (
    rows.every(({ failed }) => failed === 0) && Object.values(highestOf(ladder)).every((its) => its.without_fallbacks !== null)
  );
});

function ratesIn(text: string): readonly number[] {
  const rates = text.split(",").map(number(1, 5000, "integer"));
  if (rates.some((rate, index) => rate <= (rates[index - 1] ?? 0))) throw new InvalidArgumentError("They must rise.");
  return rates;
}

function checkSettings(settings: Readonly<Record<string, string>>): void {
  const unknown = Object.keys(settings).find((name) => !SETTING_NAMES.some((known) => known === name));
  if (unknown !== undefined) throw new BadInput(`--setting: there is no setting ${unknown}`);
  const parsed = parseSettings(settings);
  if (!parsed.ok) throw new BadInput(`--setting: ${parsed.setting} ${parsed.detail}`);
}

function reportOf(rows: readonly Row[], ladder: readonly Step[], header: string): string {
  const several = new Set(rows.map(({ worker }) => worker)).size > 2;
  const said = (spread: Spread | null) => (spread === null ? null : `${spread.median} (${spread.lower}..${spread.upper})`);
  const lines = rows.map((its) => [
    ...[its.case, its.worker, said(its.cpu_us), its.worker === FLOOR ? null : said(its.ratio)],
    ...(several ? [its.worker === FLOOR ? null : said(its.ratio_to_router)] : []),
    ...[its.per_second, its.p50_ms, its.p99_ms, its.peak_mb, its.failed],
  ]);
  const names = ["case", "worker", "CPU us a request", "ratio to floor", ...(several ? ["to router"] : [])];
  const parts = [header];
  if (rows.length > 0) parts.push(table([[...names, "req/s", "p50 ms", "p99 ms", "peak MB", "failed"], ...lines]));
  if (rows.some(({ cpu_us }) => cpu_us === null)) parts.push("CPU time can't be read on this system.");
  if (ladder.length > 0) {
    const steps = ladder.map((its) => [
      ...[its.worker, its.rate, its.answered, `${its.fallback_percent} %`, its.added_p50_ms, its.added_p99_ms],
      ...[its.cpu_us, its.cpu_percent, its.late_p99_ms, its.failed],
    ]);
    const columns = [
      "rate",
      "req/s",
      "answered",
      "fallbacks",
      "added p50 ms",
      "added p99 ms",
      "CPU us",
      "CPU %",
      "sent late p99 ms",
      "failed",
    ];
    parts.push(table([columns, ...steps]));
    const highest = Object.entries(highestOf(ladder));
    const of = (key: keyof Highest) => highest.map(([worker, its]) => `${worker} ${its[key] ?? "none"}`).join(", ");
    parts.push(
      `highest rate without fallbacks: ${of("without_fallbacks")}; with at most a second added to 99 %: ${of("in_time")}`,
    );
  }
  return parts.join("\n\n");
}

async function draw(folder: string, rows: readonly Row[]): Promise<void> {
  // Loaded only when asked for: a charting library takes long to load.
  const { chart } = await import("./chart.ts");
  try {
    mkdirSync(folder, { recursive: true });
    writeFileSync(path.join(folder, "performance.svg"), chart(rows));
  } catch (error) {
    throw new BadInput(`--out: ${String(error)}`, { cause: error });
  }
}
