// The real run beside the simulated ones, in the workload's time, and whether they agree. No I/O.
import { mean } from "simple-statistics";
import { runOf } from "../simulate/experiment.ts";
import { policyOf } from "../../src/routing/policy/index.ts";
import { warmpath } from "../simulate/routers/warmpath.ts";
import { timesOf } from "../simulate/statistics.ts";
import type { Outcome, Run } from "../simulate/ledger.ts";
import type { Answer } from "./client.ts";
import type { Plan } from "./plan.ts";
import type { Replayed } from "./replay.ts";

/** `_s` are seconds of the workload; they and `miss` are of served requests, the longest wait and `given_up` of all. */
export interface Figures extends Readonly<ReturnType<typeof timesOf>> {
  /** Did not find their hint loaded. */
  readonly miss: number;
  readonly given_up: number;
}

export interface Tolerances {
  readonly miss: number;
  readonly mean: number;
}

export interface Comparison {
  readonly real: Figures;
  readonly simulated: Figures;
  /** The simulator without compression. */
  readonly original: Figures;
  readonly missDifference: number;
  /** Real over simulated. */
  readonly meanRatio: number;
  readonly missAgrees: boolean;
  readonly meanAgrees: boolean;
  /** Requests by replica, by why it was chosen, and by what went wrong, most first. */
  readonly replicas: ReadonlyMap<string, number>;
  readonly reasons: ReadonlyMap<string, number>;
  readonly errors: ReadonlyMap<string, number>;
  /** What should not have happened; empty where all is well. */
  readonly faults: readonly string[];
  /** Mean time of a served request that was spent neither in the queue nor at the replica, ms of real time. */
  readonly wayMs: number;
}

/** What a router may answer under load; anything else is a fault. */
const GIVEN_UP = new Set(["429 queue_full", "504 request_timeout"]);

export function simulated({ workload, fleet, router }: Plan): Run {
  return runOf(
    workload,
    warmpath(router, () => policyOf("cost", router.affinityWait)),
    fleet,
  );
}

export function compare(plan: Plan, replayed: Replayed, its: { run: Run; original: Run }, tolerances: Tolerances): Comparison {
  const { answers } = replayed;
  const real = figuresOf(answers.map(outcomeOf), plan.compression);
  const simulated = figuresOf(its.run.outcomes, plan.compression);
  const missDifference = real.miss - simulated.miss;
  const meanRatio = real.mean_s / simulated.mean_s;
  const served = answers.filter(({ error }) => error === null);
  const errors = counted(answers.flatMap(({ error }) => (error === null ? [] : [error])));
  return {
    real,
    simulated,
    original: figuresOf(its.original.outcomes, 1),
    missDifference,
    meanRatio,
    // NaN agrees with nothing.
    missAgrees: Math.abs(missDifference) <= tolerances.miss,
    meanAgrees: Math.abs(meanRatio - 1) <= tolerances.mean,
    replicas: counted(served.map(({ replica }) => replica)),
    reasons: counted(served.map(({ reason }) => reason)),
    errors,
    faults: faultsOf(replayed, errors),
    wayMs: served.length === 0 ? NaN : mean(served.map(({ inSystemMs, queuedMs, heldMs }) => inSystemMs - queuedMs - heldMs)),
  };
}

export function agrees({ missAgrees, meanAgrees, faults }: Comparison): boolean {
  return missAgrees && meanAgrees && faults.length === 0;
}

function outcomeOf({ error, found, inSystemMs, queuedMs }: Answer): Outcome {
  return { waitedMs: queuedMs, inSystemMs, cold: found, served: error === null, failed: false, refused: null };
}

function figuresOf(outcomes: readonly Outcome[], compression: number): Figures {
  const served = outcomes.filter((outcome) => outcome.served);
  const stretched = outcomes.map((outcome) => ({
    ...outcome,
    waitedMs: outcome.waitedMs * compression,
    inSystemMs: outcome.inSystemMs * compression,
  }));
  return {
    ...timesOf(stretched),
    miss: served.filter(({ cold }) => cold !== "warm").length / served.length,
    given_up: 1 - served.length / outcomes.length,
  };
}

function faultsOf({ failedHeartbeats, overfull }: Replayed, errors: ReadonlyMap<string, number>): string[] {
  const faults = [...errors].filter(([error]) => !GIVEN_UP.has(error)).map(([error, count]) => `${count} requests: ${error}`);
  const [first] = failedHeartbeats;
  if (first !== undefined) faults.push(`${failedHeartbeats.length} heartbeats failed, the first: ${first}`);
  if (overfull > 0) faults.push(`${overfull} times a replica got a request while as many as it takes were there`);
  return faults;
}

function counted(names: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return new Map([...counts].sort(([, a], [, b]) => b - a));
}
