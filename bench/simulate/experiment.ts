// Every policy at every load on every path: the original workload and its bootstraps. Nothing is read or printed here.
import { blockCount, bootstrap } from "./bootstrap.ts";
import { findLimit, LIMIT_STEPS } from "./bounded.ts";
import type { LoadMs } from "./load-times.ts";
import { seeded, seedFor } from "./random.ts";
import { retime, type Retiming } from "./retime.ts";
import type { Run } from "./ledger.ts";
import type { MakeRouter } from "./router.ts";
import { ideal } from "./routers/ideal.ts";
import { measure, yardstick, type Measured, type Yardstick } from "./statistics.ts";
import type { Workload } from "./workload.ts";
import { NO_FAULTS, type Faults } from "./faults.ts";
import { simulate, type WorldOptions } from "./world.ts";

export interface Plan {
  readonly retiming: Retiming;
  readonly loads: readonly number[];
  readonly policies: ReadonlyMap<string, MakeRouter>;
  readonly replicas: number;
  readonly slots: number;
  readonly concurrency: number;
  /** Load times from the start of their streams, for each run anew. */
  readonly makeLoadMs: () => LoadMs;
  readonly heartbeatMs: number;
  readonly faults: Faults;
  readonly costs: boolean;
  readonly streams: boolean;
  readonly seed: number;
  readonly bootstraps: number;
  readonly blockMs: number;
}

export interface Result {
  readonly policy: string;
  readonly load: number;
  /** The original path first. */
  readonly paths: readonly Measured[];
}

/** Hears where things stand, often. */
export type Progress = (doing: string, share: number) => void;

/** The ideal queue under this name is the first result of each load. */
export const IDEAL = "ideal";

/** As production: a replica counts as live for three heartbeats, and no less than 15 s (src/routing/liveness.ts). */
const timeToLiveMs = (heartbeatMs: number) => Math.max(15_000, 3 * heartbeatMs);
const DAY_MS = 86_400_000;

/** The workload itself, then its bootstraps. */
export function pathsOf(
  workload: Workload,
  { bootstraps, blockMs, seed }: Pick<Plan, "bootstraps" | "blockMs" | "seed">,
): readonly Workload[] {
  if (bootstraps > 0 && blockCount(workload, blockMs) < 2) throw new Error("a bootstrap needs a workload of more than one block");
  return [workload, ...Array.from({ length: bootstraps }, (_, index) => bootstrap(workload, blockMs, seed + index))];
}

/** Results of one load after the other. */
export function* experiment(workload: Workload, plan: Plan, progress: Progress): Generator<readonly Result[]> {
  const paths = pathsOf(workload, plan);
  const capacity = plan.replicas * plan.concurrency;
  const total = plan.loads.length * paths.length * plan.policies.size;
  let done = 0;
  for (const load of plan.loads) {
    const measured = new Map<string, Measured[]>([IDEAL, ...plan.policies.keys()].map((name) => [name, []]));
    for (const path of paths) {
      const retimed = retime(path, plan.retiming, load, capacity);
      const { run, measures } = idealOf(retimed, plan);
      measured.get(IDEAL)?.push(withoutLoads(measure(retimed, run, capacity, measures)));
      for (const [name, makeRouter] of plan.policies) {
        const doing = `load ${load}, path ${paths.indexOf(path) + 1} of ${paths.length}, ${name}`;
        const its = runOf(retimed, makeRouter, plan, (arrived) => progress(doing, (done + arrived / retimed.length) / total));
        measured.get(name)?.push(measure(retimed, its, capacity, measures));
        done++;
      }
    }
    yield [...measured].map(([policy, its]) => ({ policy, load, paths: its }));
  }
}

/** For each policy the highest load at which its queue stays bounded, on the original path. */
export function limits(workload: Workload, plan: Plan, progress: Progress): ReadonlyMap<string, number> {
  const capacity = plan.replicas * plan.concurrency;
  const unused: Yardstick = { meanS: NaN, p95S: NaN, tail: new Set() };
  const found = new Map<string, number>();
  for (const [name, makeRouter] of plan.policies) {
    let step = 0;
    const boundedAt = (load: number) => {
      const retimed = retime(workload, plan.retiming, load, capacity);
      progress(`limit of ${name}, load ${load}`, (found.size + step++ / LIMIT_STEPS) / plan.policies.size);
      return measure(retimed, runOf(retimed, makeRouter, plan), capacity, unused).bounded;
    };
    found.set(name, findLimit(boundedAt));
  }
  return found;
}

/** What is free is not worth avoiding: figures about loads say nothing of the ideal queue. */
function withoutLoads({ figures, bounded }: Measured): Measured {
  return {
    figures: {
      ...figures,
      miss: NaN,
      loads: NaN,
      first_touch: NaN,
      duplicate: NaN,
      avoidable: NaN,
      load_s: NaN,
      first_home: NaN,
      second_home: NaN,
    },
    bounded,
  };
}

/** What one run needs of a plan. */
export type RunPlan = Omit<Plan, "retiming" | "loads" | "policies" | "bootstraps" | "blockMs">;

/** One policy on a workload as it is. */
export function runOf(workload: Workload, makeRouter: MakeRouter, plan: RunPlan, progress?: (arrived: number) => void): Run {
  const { replicas, slots, concurrency, heartbeatMs, faults, costs, streams, seed } = plan;
  const world = {
    replicas,
    slots,
    concurrency,
    heartbeatMs,
    faults,
    costs,
    streams,
    faultRandom: seeded(seedFor(seed, "faults")),
  };
  const once = { loadMs: plan.makeLoadMs(), timeToLiveMs: timeToLiveMs(heartbeatMs), random: seeded(seed) };
  return simulate(workload, makeRouter, { ...world, ...once }, progress);
}

/** Loads cost nothing, replicas never lack room for what they serve, nothing fails, and nobody listens to heartbeats. */
function idealOf(
  workload: Workload,
  { replicas, slots, concurrency, seed }: Plan,
): { readonly run: Run; readonly measures: Yardstick } {
  const world: WorldOptions = {
    replicas,
    slots: Math.max(slots, concurrency),
    concurrency,
    loadMs: () => 0,
    heartbeatMs: DAY_MS,
    timeToLiveMs: DAY_MS,
    faults: NO_FAULTS,
    costs: false,
    streams: false,
    random: seeded(seed),
    faultRandom: seeded(seed),
  };
  const run = simulate(workload, ideal, world);
  return { run, measures: yardstick(workload, run) };
}
