// Every policy at every load on every path: the original workload and its bootstraps. Nothing is read or printed here.
import { setImmediate as turn } from "node:timers/promises";
import type { Running } from "../command.ts";
import { announcementsOf, type Prewarming } from "./announcements.ts";
import { idealRun } from "./ideal.ts";
import type { LoadMs } from "./load-times.ts";
import type { Run } from "./outcome.ts";
import { seeded, seedFor } from "./random.ts";
import type { MakeRouter } from "./router.ts";
import { measure, yardstick, type Figures } from "./statistics.ts";
import { bootstrap, fromZero, offeredLoad, retime, type Retiming, type Workload } from "./workload.ts";
import { simulate, type WorldOptions } from "./world.ts";

/** The world of a run, without what is drawn in it. */
export interface Fleet extends Omit<WorldOptions, "loadMs" | "timeToLiveMs" | "random" | "faultRandom" | "announcements"> {
  /** Load times from the start of their streams, for each run anew. */
  readonly makeLoadMs: () => LoadMs;
  readonly seed: number;
  /** Null, or not given: clients announce nothing. */
  readonly prewarming?: Prewarming | null;
}

export interface Plan {
  /** Null: requests come when they were recorded, so there is one load, and `loads` is not looked at. */
  readonly retiming: Retiming | null;
  readonly loads: readonly number[];
  readonly policies: ReadonlyMap<string, MakeRouter>;
  readonly fleet: Fleet;
  readonly bootstraps: number;
}

export interface Result {
  readonly policy: string;
  /** Of the original path as recorded, or the load that all are retimed to. */
  readonly load: number;
  /** The original path first. */
  readonly paths: readonly Figures[];
}

/** The ideal queue under this name is the first result of each load. */
export const IDEAL = "ideal";
/** Loads cost the ideal queue nothing, so it has no figures of loads. */
const WITHOUT_LOADS = { miss: NaN, load_s: NaN, first_home: NaN, second_home: NaN };

/** As production: a replica counts as live for three heartbeats, and no less than 15 s (src/routing/ledger/liveness.ts). */
const timeToLiveMs = (heartbeatMs: number) => Math.max(15_000, 3 * heartbeatMs);

/** Results of one load after the other. */
export async function* experiment(
  workload: Workload,
  { retiming, loads: wanted, policies, fleet, bootstraps }: Plan,
  { signal, progress }: Pick<Running, "signal" | "progress">,
): AsyncGenerator<readonly Result[]> {
  const paths = [workload, ...Array.from({ length: bootstraps }, (_, index) => bootstrap(workload, fleet.seed + index))];
  const slots = fleet.replicas * fleet.concurrency;
  const loads = retiming === null ? [offeredLoad(workload, slots)] : wanted;
  const total = loads.length * paths.length * policies.size;
  let done = 0;
  for (const load of loads) {
    const measured = new Map<string, Figures[]>([IDEAL, ...policies.keys()].map((name) => [name, []]));
    for (const [place, path] of paths.entries()) {
      const retimed = retiming === null ? fromZero(path) : retime(path, retiming, load, slots);
      const ideal = idealRun(retimed, fleet);
      const measures = yardstick(retimed, ideal);
      measured.get(IDEAL)?.push({ ...measure(retimed, ideal, measures), ...WITHOUT_LOADS });
      for (const [name, makeRouter] of policies) {
        // An interruption is heard between two runs.
        await turn();
        signal.throwIfAborted();
        const doing = `load ${load}, path ${place + 1} of ${paths.length}, ${name}`;
        const run = runOf(retimed, makeRouter, fleet, (arrived) => progress(doing, (done + arrived / retimed.length) / total));
        measured.get(name)?.push(measure(retimed, run, measures));
        done++;
      }
    }
    yield [...measured].map(([policy, its]) => ({ policy, load, paths: its }));
  }
}

/** One policy on a workload as it is. */
export function runOf(workload: Workload, makeRouter: MakeRouter, fleet: Fleet, progress?: (arrived: number) => void): Run {
  const { makeLoadMs, seed, prewarming = null, ...world } = fleet;
  const announcements = prewarming === null ? [] : announcementsOf(workload, prewarming, seeded(seedFor(seed, "announcements")));
  const drawn = { loadMs: makeLoadMs(), random: seeded(seed), faultRandom: seeded(seedFor(seed, "faults")) };
  return simulate(
    workload,
    makeRouter,
    { ...world, ...drawn, announcements, timeToLiveMs: timeToLiveMs(world.heartbeatMs) },
    progress,
  );
}
