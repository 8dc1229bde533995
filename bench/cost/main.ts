// `npm run cost`: a month's bill for this router on Cloudflare, by list prices.
import { InvalidArgumentError, Option } from "@commander-js/extra-typings";
import { BOUNDS } from "../../src/limits.ts";
import { heartbeatTiming } from "../../src/routing/ledger/liveness.ts";
import { LIMITS } from "../../src/routing/limits.ts";
import { parseSettings } from "../../src/settings/settings.ts";
import { BadInput, main, number, program } from "../command.ts";
import { table } from "../report.ts";
import { alternativesTo, billOf, type Alternative, type Bill } from "./bill.ts";
import { changingByLoads, usageOf, type Plan } from "./usage.ts";

/** The range of HEARTBEAT_INTERVAL_MS. */
const DURATION_LEAST_MS = 10;
const DURATION_MOST_MS = 86_400_000;
/** As `head_sampling_rate` in wrangler.toml. */
const LOG_RATE = 0.01;
/** Calls to the Fleet object a request. With `edge` one request in twenty asks the object. */
const RPCS = { registry: 1, edge: 0.05 } as const;
const UNITS_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;

const NOTES = `
Prices are Cloudflare's list prices on the Workers Paid plan, without taxes; bench/cost/prices.ts names the page of each. A month has 30 days. What the
plan includes is an account's: other Workers of the account use it too.

A request that runs longer than a second calls the Fleet object once more, and so does one that waits: for those --rpcs-a-request 2 or 3.

Leaves with 0, or with 2 on bad usage.

Examples:
  npm run cost -- --replicas 1000 --interval 5s --rps 100
  npm run cost -- --replicas 10000 --apps 10 --heartbeats websocket --json`;

const command = program("cost", "Prints a month's bill for this router on Cloudflare, by list prices.", NOTES)
  .optionsGroup("Fleet:")
  .option("--replicas <number>", "replicas of all apps", number(1, 10_000_000, "integer"), 1000)
  .option("--apps <number>", "apps, each with a Fleet object", number(1, 1_000_000, "integer"), 1)
  .addOption(
    new Option("--interval <duration>", "between two heartbeats of a replica, like 500ms, 5s or 1m")
      .argParser(durationMs)
      .default(5000, "5s"),
  )
  .option("--rate-max <number>", "HEARTBEAT_RATE_MAX of the router: lengthens the interval of large apps", number(1, 100_000))
  .addOption(new Option("--heartbeats <kind>", "how replicas send them").choices(["post", "websocket"] as const).default("post"))
  .option("--changing <share>", "heartbeats that change hints, a row each (default: what loads of --rps change)", number(0, 1))
  .option("--heartbeat-cpu-ms <ms>", "CPU of the Worker for a heartbeat by POST", number(0, 1000), 0.35)
  .option("--awake <share>", "of the month for which a Fleet object is active", number(0, 1), 1)
  .optionsGroup("Requests of clients:")
  .option("--rps <number>", "a second, over all apps", number(0, 10_000_000), 0)
  .addOption(new Option("--dispatch <kind>", "who decides").choices(["registry", "edge"] as const).default("registry"))
  .option("--rpcs-a-request <number>", "calls to the Fleet object (default: registry 1, edge 0.05)", number(0, 100))
  .option("--cpu-ms <ms>", "CPU of the Worker for a request", number(0, 300_000), 1)
  .option("--isolates <number>", "isolates that know an app", number(0, 100_000, "integer"), 20)
  .addOption(
    new Option("--refresh <duration>", "how often each asks for an app's snapshot")
      .argParser(durationMs)
      .default(BOUNDS.snapshotAgeMs, `${BOUNDS.snapshotAgeMs / 1000}s`),
  )
  .optionsGroup("Logs and output:")
  .option("--log-rate <share>", "head_sampling_rate in wrangler.toml", number(0, 1), LOG_RATE)
  .option("--json", "one JSON object instead of tables", false);

type Options = ReturnType<typeof command.opts>;

await main(command, async (options, { print }) => {
  const plan = planOf(options);
  const bill = billOf(usageOf(plan));
  const alternatives = alternativesTo(plan);
  if (options.json) print(JSON.stringify({ plan, ...bill, alternatives }));
  else print([...tables(plan, bill, alternatives), ...notesOn(plan, options)].join("\n"));
  return true;
});

function planOf(options: Options): Plan {
  const { replicas, apps, heartbeats, rps, dispatch, cpuMs, heartbeatCpuMs, awake, isolates, logRate } = options;
  if (apps > replicas) throw new BadInput("--apps: an app needs a replica at least, and --replicas are fewer");
  if (replicas / apps > LIMITS.replicasPerApp) throw new BadInput(`--apps: an app has at most ${LIMITS.replicasPerApp} replicas`);
  const intervalS = intervalOf(options, options.rateMax ?? Infinity) / 1000;
  const changing = options.changing ?? changingByLoads({ replicas, intervalS, rps });
  return {
    ...{ replicas, apps, intervalS, heartbeats, changing, heartbeatCpuMs, awake, rps, cpuMs, isolates, logRate },
    ...{ rpcsARequest: options.rpcsARequest ?? RPCS[dispatch], refreshS: options.refresh / 1000 },
  };
}

/** As the router asks it of replicas of apps of equal size. */
function intervalOf({ replicas, apps, interval }: Options, rateMax: number): number {
  return heartbeatTiming({ intervalMs: interval, rateMax, short: true }, Math.ceil(replicas / apps)).nextHeartbeatMs;
}

function tables(plan: Plan, bill: Bill, alternatives: readonly Alternative[]): string[] {
  const lines = bill.lines.map(({ item, unit, used, included, billed, dollars, per, cost }) => [
    ...[item, amount(used), amount(included), amount(billed), unit],
    ...[`$${dollars.toFixed(dollars < 0.01 ? 3 : 2)}${per === 1 ? "" : " a million"}`, money(cost)],
  ]);
  const others = alternatives.map((its) => [
    ...[its.heartbeats, share(its.changing), money(its.total), money(its.forHeartbeats)],
  ]);
  const { replicas, apps, intervalS, rps, heartbeats } = plan;
  return [
    `${replicas} replicas in ${apps} ${apps === 1 ? "app" : "apps"}, a heartbeat every ${round(intervalS)} s by ${heartbeats}, ` +
      `${share(plan.changing)} of them with a row; ${rps} requests a second; ${share(plan.logRate)} logged`,
    "",
    table([
      ["item", "used", "included", "billed", "unit", "price", "dollars"],
      ...lines,
      ["total", ...Array(5).fill(""), money(bill.total)],
    ]),
    "",
    table([["heartbeats", "with a row", "total", "for heartbeats"], ...others]),
  ];
}

/** What the router does by default with so large an app, if the plan does not say. */
function notesOn(plan: Plan, options: Options): string[] {
  const settings = parseSettings({});
  if (!settings.ok || options.rateMax !== undefined) return [];
  const { HEARTBEAT_RATE_MAX: rateMax } = settings.settings;
  const intervalS = intervalOf(options, rateMax) / 1000;
  if (intervalS <= plan.intervalS) return [];
  const changing = options.changing ?? changingByLoads({ ...plan, intervalS });
  const { total } = billOf(usageOf({ ...plan, intervalS, changing }));
  return [
    "",
    `HEARTBEAT_RATE_MAX=${rateMax}, the default, makes the interval ${round(intervalS)} s; then the total is ${money(total)} (--rate-max ${rateMax}).`,
  ];
}

function durationMs(text: string): number {
  const [, value, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text.trim()) ?? [];
  const ms = Number(value) * (UNITS_MS[unit as keyof typeof UNITS_MS] ?? NaN);
  if (ms >= DURATION_LEAST_MS && ms <= DURATION_MOST_MS) return ms;
  throw new InvalidArgumentError("It must be a duration from 10ms to 24h, like 500ms, 5s or 1m.");
}

/** With three digits: 518M, 332k, 0.0012. */
function amount(value: number): string {
  const [unit, by] = value >= 1e9 ? ["B", 1e9] : value >= 1e6 ? ["M", 1e6] : value >= 1e4 ? ["k", 1e3] : ["", 1];
  return `${round(value / by)}${unit}`;
}

function round(value: number): number {
  return value >= 1000 ? Math.round(value) : Number(value.toPrecision(3));
}

function money(dollars: number): string {
  return `$${dollars.toFixed(2)}`;
}

function share(value: number): string {
  return `${round(value * 100)} %`;
}
