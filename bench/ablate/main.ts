// `npm run ablate`: what each constant of the policy is worth, with its rule removed, on data that it was not chosen on.
import { Command, CommanderError } from "commander";
import { mean } from "simple-statistics";
import { TUNING } from "../../src/routing/tuning.ts";
import { number } from "../simulate/arguments.ts";
import { experiment, IDEAL, type Plan } from "../simulate/experiment.ts";
import { NO_FAULTS } from "../simulate/faults.ts";
import { allPolicies, OURS } from "../simulate/policies.ts";
import { REMOVED, type Constant } from "./removed.ts";
import { ablationWorkloads, type AblationWorkload } from "./workloads.ts";

interface Options {
  readonly traces: string | null;
  readonly loads: readonly number[];
  readonly only: readonly string[] | null;
  readonly workloads: readonly string[] | null;
  readonly set: Readonly<Record<string, number>>;
  readonly policy: string;
  readonly costs: boolean;
  readonly evictAdvice: boolean;
  readonly greedy: boolean;
  readonly json: boolean;
}

/** One workload at one load. */
interface Figure {
  readonly workload: string;
  readonly role: AblationWorkload["role"];
  readonly load: number;
  /** Mean time in system over the ideal's, mean of the paths. */
  readonly ratio_mean: number;
  readonly longest_wait_s: number;
  readonly miss: number;
}

/** A rule stays if its removal costs more than that in the mean over ideal, or in the share of the longest wait. */
const WORTH_MEAN = 0.01;
const WORTH_WAIT = 0.1;

function figuresOf(workload: AblationWorkload, { loads, policy, costs, evictAdvice }: Options): readonly Figure[] {
  const { name, role, slots, coldMs, bootstraps, requests } = workload;
  const router = {
    queueTimeoutMs: Infinity,
    queueLengthMax: 1e9,
    affinityWait: "auto" as const,
    coldStartMs: 12_000,
    evictAdvice,
  };
  const its = allPolicies(router).get(policy);
  if (its === undefined) throw new Error(`there is no policy ${policy}`);
  const plan: Plan = {
    ...{ retiming: "count", loads, policies: new Map([[policy, its]]), replicas: 8, slots, concurrency: 1, heartbeatMs: 5000 },
    ...{ makeLoadMs: () => () => coldMs, faults: NO_FAULTS, costs, streams: false, seed: 1, bootstraps, blockMs: 12 * 3_600_000 },
  };
  const figures: Figure[] = [];
  for (const results of experiment(requests, plan, () => {})) {
    for (const { policy: of, load, paths } of results) {
      if (of === IDEAL) continue;
      const meanOf = (figure: "ratio_mean" | "longest_wait_s" | "miss") => mean(paths.map((path) => path.figures[figure]));
      const values = { ratio_mean: meanOf("ratio_mean"), longest_wait_s: meanOf("longest_wait_s"), miss: meanOf("miss") };
      figures.push({ workload: name, role, load, ...values });
    }
  }
  return figures;
}

function withConstants<T>(values: Readonly<Partial<Record<Constant, number>>>, run: () => T): T {
  const before = { ...TUNING };
  Object.assign(TUNING, values);
  try {
    return run();
  } finally {
    Object.assign(TUNING, before);
  }
}

/** How much worse the mean over ideal is and how much longer the longest wait, on what is judged: the worst workload and the mean of all. */
interface Worth {
  readonly constant: string;
  readonly value: number | null;
  readonly mean: number;
  readonly mean_worst: number;
  readonly wait: number;
  readonly wait_worst: number;
  /** How much larger the share of requests that did not find their hint loaded is. */
  readonly miss: number;
  readonly figures: readonly Figure[];
}

function compare(constant: string, value: number | null, figures: readonly Figure[], base: readonly Figure[]): Worth {
  const all = [...figures.keys()];
  const held = all.filter((index) => figures[index]?.role === "judge");
  const judged = held.length > 0 ? held : all;
  const means = judged.map((index) => (figures[index]?.ratio_mean ?? 0) - (base[index]?.ratio_mean ?? 0));
  const waits = judged.map((index) => (figures[index]?.longest_wait_s ?? 0) / Math.max(1, base[index]?.longest_wait_s ?? 0) - 1);
  const miss = mean(judged.map((index) => (figures[index]?.miss ?? 0) - (base[index]?.miss ?? 0)));
  const worth = { miss, mean: mean(means), mean_worst: Math.max(...means), wait: mean(waits), wait_worst: Math.max(...waits) };
  return { constant, value, ...worth, figures };
}

/** Whether the rule is worth having on what is judged. */
function isMissed({ mean: worse, wait }: Pick<Worth, "mean" | "wait">): boolean {
  return worse > WORTH_MEAN || wait > WORTH_WAIT;
}

function line(worth: Worth): string {
  const { constant, value, mean: worse, mean_worst, wait, wait_worst, miss } = worth;
  const signed = (its: number, digits: number) => `${its < 0 ? "" : "+"}${its.toFixed(digits)}`;
  const percent = (share: number) => `${signed(100 * share, 0)} %`;
  const somewhere = mean_worst > WORTH_MEAN || wait_worst > WORTH_WAIT ? "on some" : "no";
  const means = `${signed(worse, 3)} | ${signed(mean_worst, 3)}`;
  const cells = `${means} | ${percent(wait)} | ${percent(wait_worst)} | ${signed(miss, 3)} | ${isMissed(worth) ? "yes" : somewhere}`;
  return `| ${constant} | ${value ?? ""} | ${cells} |`;
}

function run(options: Options): void {
  const workloads = ablationWorkloads(options.traces).filter(({ name }) => options.workloads?.includes(name) ?? true);
  const measureAll = (values: Readonly<Partial<Record<Constant, number>>>) =>
    withConstants({ ...options.set, ...values }, () => workloads.flatMap((workload) => figuresOf(workload, options)));
  const print = (worth: Worth) => console.log(options.json ? JSON.stringify(worth) : line(worth));
  const base = measureAll({});
  if (!options.json) {
    console.log("| removed | to | mean | at most | longest wait | at most | cold | missed |");
    console.log("| ------- | -- | ---- | ------- | ------------ | ------- | ---- | ------ |");
  }
  print(compare("nothing", null, base, base));
  const names = (Object.keys(REMOVED) as Constant[]).filter((name) => options.only?.includes(name) ?? true);
  const alone = names.map((name) => {
    const worth = compare(name, REMOVED[name], measureAll({ [name]: REMOVED[name] }), base);
    print(worth);
    return { name, worth };
  });
  let left = alone.filter(({ worth }) => options.greedy && !isMissed(worth)).map(({ name }) => name);
  const gone: Partial<Record<Constant, number>> = {};
  while (left.length > 0) {
    const tried = left.map((name) => ({
      name,
      worth: compare(name, null, measureAll({ ...gone, [name]: REMOVED[name] }), base),
    }));
    const best = tried.toSorted((a, b) => a.worth.mean - b.worth.mean)[0];
    if (best === undefined || isMissed(best.worth)) return;
    gone[best.name] = REMOVED[best.name];
    print({ ...best.worth, constant: Object.keys(gone).join(", ") });
    left = left.filter((name) => name !== best.name);
  }
}

const list = (text: string): readonly string[] => text.split(",");

function parse(): Options {
  const command = new Command("ablate")
    .description("Removes each constant of the cost policy in turn and says how much worse requests are served.")
    .option("--traces <directory>", "where genai-lora.csv.gz and the other traces are; without it synthetic workloads only")
    .option("--load <loads>", "service time asked for over what the fleet has", "0.4,0.6,0.8")
    .option("--only <constants>", "only these, separated by commas", list)
    .option("--workloads <names>", "only these", list)
    .option("--set <json>", "constants that are other than in tuning.ts", "{}")
    .option("--policy <name>", "another policy", OURS)
    .option("--costs", "clients say what a request costs", false)
    .option("--evict-advice", "replicas evict what the router tells them to", false)
    .option("--greedy", "then remove together, the least missed first, as long as nothing is worse", false)
    .option("--json", "one object a line", false)
    .exitOverride();
  const raw = command.parse().opts();
  return {
    traces: raw["traces"] ?? null,
    loads: String(raw["load"]).split(",").map(number(0.01, 10)),
    only: raw["only"] ?? null,
    workloads: raw["workloads"] ?? null,
    set: JSON.parse(raw["set"]),
    policy: raw["policy"],
    costs: raw["costs"],
    evictAdvice: raw["evictAdvice"],
    greedy: raw["greedy"],
    json: raw["json"],
  };
}

try {
  run(parse());
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error.exitCode === 0 ? 0 : 2;
}
