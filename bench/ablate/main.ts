// `npm run ablate`: what each constant of the policy is worth, with its rule removed, on data that it was not chosen on.
import { mean } from "simple-statistics";
import { policyOf, SCHEDULING, type Scheduling } from "../../src/routing/policy/index.ts";
import { TUNING } from "../../src/routing/tuning.ts";
import { BadInput, main, names, number, program, type Running } from "../command.ts";
import { experiment, IDEAL, type Plan } from "../simulate/experiment.ts";
import { NO_FAULTS } from "../simulate/faults.ts";
import { warmpath } from "../simulate/routers/warmpath.ts";
import { REMOVED, type Constant } from "./removed.ts";
import { ablationWorkloads, WORKLOAD_NAMES, type AblationWorkload } from "./workloads.ts";

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

async function figuresOf(workload: AblationWorkload, options: Options, running: Running): Promise<readonly Figure[]> {
  const { name, role, slots, coldMs, bootstraps, requests } = workload;
  const { loads, policy, costs } = options;
  const router = { queueTimeoutMs: Infinity, queueLengthMax: Infinity, coldStartMs: 12_000 };
  const plan: Plan = {
    ...{ retiming: "count", loads, bootstraps, policies: new Map([[policy, warmpath(router, () => policyOf(policy, "auto"))]]) },
    fleet: {
      ...{ replicas: 8, slots, concurrency: 1, heartbeatMs: 5000, seed: 1, costs, faults: NO_FAULTS },
      makeLoadMs: () => () => coldMs,
    },
  };
  const figures: Figure[] = [];
  for await (const results of experiment(requests, plan, running)) {
    for (const { policy: of, load, paths } of results) {
      if (of === IDEAL) continue;
      const meanOf = (figure: "ratio_mean" | "longest_wait_s" | "miss") => mean(paths.map((path) => path[figure]));
      const values = { ratio_mean: meanOf("ratio_mean"), longest_wait_s: meanOf("longest_wait_s"), miss: meanOf("miss") };
      figures.push({ workload: name, role, load, ...values });
    }
  }
  return figures;
}

async function withConstants<T>(values: Readonly<Partial<Record<Constant, number>>>, run: () => Promise<T>): Promise<T> {
  const before = { ...TUNING };
  Object.assign(TUNING, values);
  try {
    return await run();
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

const CONSTANTS = Object.keys(REMOVED) as Constant[];
const EXAMPLES = `
Examples:
  npm run ablate -- --traces TRACES          the table of docs/scheduling.md
  npm run ablate -- --only horizon --load 0.6
  npm run ablate -- --set '{"waitShare":0.5}' --only none`;

const description = "Removes each constant of the cost policy in turn and says how much worse requests are served.";
const command = program("ablate", description, EXAMPLES)
  .option("--traces <directory>", "where genai-lora.csv.gz and the other traces are; without it synthetic workloads only")
  .option("--load <loads>", "service time asked for over what the fleet has", loadsOf, [0.4, 0.6, 0.8])
  .option("--only <constants>", `some of ${CONSTANTS.join(", ")}, none; without it all`, names([...CONSTANTS, "none" as const]))
  .option("--workloads <names>", `some of ${WORKLOAD_NAMES.join(", ")}; without it all`, names(WORKLOAD_NAMES))
  .option("--set <json>", "constants that are other than in tuning.ts", constantsOf, {})
  .option("--policy <name>", `one of ${SCHEDULING.join(", ")}`, schedulingOf, "cost" as const)
  .option("--costs", "clients say what a request costs", false)
  .option("--greedy", "then remove together, the least missed first, as long as nothing is worse", false)
  .option("--json", "one object a line", false);

type Options = Pick<ReturnType<typeof command.opts>, "policy" | "costs"> & { readonly loads: readonly number[] };

await main(command, async ({ traces = null, load: loads, only, workloads: chosen, set, greedy, json, ...rest }, running) => {
  const workloads = ablationWorkloads(traces).filter(({ name }) => chosen?.includes(name) ?? true);
  if (workloads.length === 0) throw new BadInput("--workloads: none of these is at hand; see --traces");
  const measureAll = (values: Readonly<Partial<Record<Constant, number>>>) =>
    withConstants({ ...set, ...values }, async () => {
      const figures: Figure[] = [];
      for (const workload of workloads) figures.push(...(await figuresOf(workload, { ...rest, loads }, running)));
      return figures;
    });
  const print = (worth: Worth) => running.print(json ? JSON.stringify(worth) : line(worth));
  const base = await measureAll({});
  if (!json) {
    running.print("| removed | to | mean | at most | longest wait | at most | cold | missed |");
    running.print("| ------- | -- | ---- | ------- | ------------ | ------- | ---- | ------ |");
  }
  print(compare("nothing", null, base, base));
  const alone: { readonly name: Constant; readonly worth: Worth }[] = [];
  for (const name of CONSTANTS.filter((its) => only?.includes(its) ?? true)) {
    const worth = compare(name, REMOVED[name], await measureAll({ [name]: REMOVED[name] }), base);
    print(worth);
    alone.push({ name, worth });
  }
  let left = alone.filter(({ worth }) => greedy && !isMissed(worth)).map(({ name }) => name);
  const gone: Partial<Record<Constant, number>> = {};
  while (left.length > 0) {
    const tried: { readonly name: Constant; readonly worth: Worth }[] = [];
    for (const name of left) {
      tried.push({ name, worth: compare(name, null, await measureAll({ ...gone, [name]: REMOVED[name] }), base) });
    }
    const best = tried.toSorted((a, b) => a.worth.mean - b.worth.mean)[0];
    if (best === undefined || isMissed(best.worth)) break;
    gone[best.name] = REMOVED[best.name];
    print({ ...best.worth, constant: Object.keys(gone).join(", ") });
    left = left.filter((name) => name !== best.name);
  }
  return true;
});

function loadsOf(text: string): number[] {
  return text.split(",").map(number(0.01, 10));
}

function schedulingOf(text: string): Scheduling {
  const [its] = names(SCHEDULING)(text);
  return its ?? "cost";
}

function constantsOf(text: string): Readonly<Partial<Record<Constant, number>>> {
  const values: unknown = JSON.parse(text);
  for (const [name, value] of Object.entries(values as object)) {
    if (!(name in REMOVED) || typeof value !== "number") throw new BadInput(`--set: ${name} is no constant with a number`);
  }
  return values as Readonly<Partial<Record<Constant, number>>>;
}
