// `npm run ablate`: what each constant of the policy is worth on data that it was not chosen on. Its rule is removed for that.
import { mean } from "simple-statistics";
import { costPolicy } from "../../src/routing/policy/cost.ts";
import { TUNING } from "../../src/routing/tuning.ts";
import { BadInput, main, names, number, program, type Running } from "../command.ts";
import { experiment, IDEAL, type Plan } from "../simulate/experiment.ts";
import { NO_FAULTS } from "../simulate/faults.ts";
import { warmpath } from "../simulate/routers/warmpath.ts";
import { REMOVED, type Constant } from "./removed.ts";
import { ablationWorkloads, WORKLOAD_NAMES, type AblationWorkload } from "./workloads.ts";

const MEASURED = ["ratio_mean", "longest_wait_s", "miss"] as const;

/** One workload at one load. Means of the paths. */
interface Figure extends Readonly<Record<(typeof MEASURED)[number], number>> {
  readonly workload: string;
  readonly role: AblationWorkload["role"];
  readonly load: number;
}

/** A rule stays if its removal costs more than that in the mean over ideal, or in the share of the longest wait. */
const WORTH = { mean: 0.01, wait: 0.1 };

const CONSTANTS = Object.keys(REMOVED) as Constant[];
const EXAMPLES = `
Examples:
  npm run ablate -- --traces TRACES          the table of docs/scheduling.md
  npm run ablate -- --only horizon --load 0.6`;

const description = "Removes each constant of the cost policy in turn and says how much worse requests are served.";
const command = program("ablate", description, EXAMPLES)
  .option("--traces <directory>", "where genai-lora.csv.gz and the other traces are; without it synthetic workloads only")
  .option("--load <loads>", "service time asked for over what the fleet has", loadsOf, [0.4, 0.6, 0.8])
  .option("--only <constants>", `some of ${CONSTANTS.join(", ")}, none`, names([...CONSTANTS, "none" as const]), CONSTANTS)
  .option("--workloads <names>", `some of ${WORKLOAD_NAMES.join(", ")}`, names(WORKLOAD_NAMES), WORKLOAD_NAMES)
  .option("--greedy", "then remove together, the least missed first, as long as nothing is worse", false)
  .option("--costs", "clients say what a request costs", false)
  .option("--json", "one object a line", false);

await main(command, async ({ traces = null, load: loads, only, workloads: chosen, greedy, costs, json }, running) => {
  const workloads = ablationWorkloads(chosen, traces);
  if (workloads.length === 0) throw new BadInput("--workloads: none of these is at hand; see --traces");
  const measureWithout = async (removed: readonly Constant[]): Promise<readonly Figure[]> => {
    const before = { ...TUNING };
    for (const name of removed) Object.assign(TUNING, { [name]: REMOVED[name] });
    const figures: Figure[] = [];
    for (const workload of workloads) figures.push(...(await figuresOf(workload, loads, costs, running)));
    Object.assign(TUNING, before);
    return figures;
  };
  const print = (worth: ReturnType<typeof compare>) => running.print(json ? JSON.stringify(worth) : line(worth));
  const base = await measureWithout([]);
  if (!json) {
    running.print("| removed | to | mean | at most | longest wait | at most | cold | missed |");
    running.print("| ------- | -- | ---- | ------- | ------------ | ------- | ---- | ------ |");
  }
  print(compare("nothing", null, base, base));
  const unmissed: { readonly name: Constant; readonly mean: number }[] = [];
  for (const name of CONSTANTS.filter((its) => only.includes(its))) {
    const worth = compare(name, REMOVED[name], await measureWithout([name]), base);
    print(worth);
    if (!isMissed(worth)) unmissed.push({ name, mean: worth.mean });
  }
  const removed: Constant[] = [];
  for (const { name } of greedy ? unmissed.toSorted((a, b) => a.mean - b.mean) : []) {
    const worth = compare([...removed, name].join(", "), null, await measureWithout([...removed, name]), base);
    print(worth);
    if (isMissed(worth)) break;
    removed.push(name);
  }
  return true;
});

/** Whether what was removed is worth having on what is judged. */
function isMissed({ mean, wait }: Pick<ReturnType<typeof compare>, "mean" | "wait">): boolean {
  return mean > WORTH.mean || wait > WORTH.wait;
}

async function figuresOf(workload: AblationWorkload, loads: readonly number[], costs: boolean, running: Running) {
  const { name, role, slots, coldMs, bootstraps, requests } = workload;
  const patient = { queueTimeoutMs: Infinity, queueLengthMax: Infinity, coldStartMs: 12_000 };
  const plan: Plan = {
    ...{ retiming: "count", loads, bootstraps, policies: new Map([["warmpath", warmpath(patient, costPolicy)]]) },
    fleet: {
      ...{ replicas: 8, slots, concurrency: 1, heartbeatMs: 5000, seed: 1, costs, faults: NO_FAULTS },
      makeLoadMs: () => () => coldMs,
    },
  };
  const figures: Figure[] = [];
  for await (const results of experiment(requests, plan, running)) {
    for (const { load, paths } of results.filter(({ policy }) => policy !== IDEAL)) {
      const [ratio_mean = NaN, longest_wait_s = NaN, miss = NaN] = MEASURED.map((its) => mean(paths.map((path) => path[its])));
      figures.push({ workload: name, role, load, ratio_mean, longest_wait_s, miss });
    }
  }
  return figures;
}

/**
 * How much worse the mean over ideal is, how much longer the longest wait and how much larger the share of misses, on what is judged: the mean
 * of all, and the worst.
 */
function compare(constant: string, value: number | null, figures: readonly Figure[], base: readonly Figure[]) {
  const pairs = figures.flatMap((its, index) => {
    const before = base[index];
    return before === undefined ? [] : [{ its, before }];
  });
  const held = pairs.filter(({ its }) => its.role === "judge");
  const judged = held.length > 0 ? held : pairs;
  const means = judged.map(({ its, before }) => its.ratio_mean - before.ratio_mean);
  const waits = judged.map(({ its, before }) => its.longest_wait_s / Math.max(1, before.longest_wait_s) - 1);
  const miss = mean(judged.map(({ its, before }) => its.miss - before.miss));
  const worst = { mean_worst: Math.max(...means), wait_worst: Math.max(...waits) };
  return { constant, value, miss, mean: mean(means), wait: mean(waits), ...worst, figures };
}

function line({ constant, value, mean, mean_worst, wait, wait_worst, miss }: ReturnType<typeof compare>): string {
  const signed = (its: number, digits: number) => `${its < 0 ? "" : "+"}${its.toFixed(digits)}`;
  const percent = (share: number) => `${signed(100 * share, 0)} %`;
  const somewhere = mean_worst > WORTH.mean || wait_worst > WORTH.wait ? "on some" : "no";
  const changes = [signed(mean, 3), signed(mean_worst, 3), percent(wait), percent(wait_worst), signed(miss, 3)];
  return `| ${[constant, value ?? "", ...changes, isMissed({ mean, wait }) ? "yes" : somewhere].join(" | ")} |`;
}

function loadsOf(text: string): number[] {
  return text.split(",").map(number(0.01, 10));
}
