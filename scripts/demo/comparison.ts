// The same requests at the same moments to two fleets that are alike and empty: to one through the router, to the other by turns (round robin),
// as a load balancer sends them that knows nothing of models. Everything in it is measured.
import { send, type Answered, type Sample } from "../../examples/any-model/sample.ts";
import { openLoop } from "./open-loop.ts";

/** What became of one sample on either fleet. */
export interface Pair {
  readonly sample: Sample;
  readonly warmpath: Answered;
  readonly roundRobin: Answered;
}

/** A replica that is asked without the router. */
export interface Target {
  readonly name: string;
  readonly url: string;
}

/**
 * `others` get one sample after the other, by turns, and as they serve one at a time a sample may wait there in line. `onPair` hears of each pair
 * in the order of the samples, as soon as it and all before it have ended. Rejects if a replica or the router can't be reached.
 */
export async function compare(
  samples: readonly Sample[],
  appUrl: string,
  others: readonly Target[],
  signal: AbortSignal,
  onPair: (pair: Pair) => void,
): Promise<readonly Pair[]> {
  const pairs: (Pair | undefined)[] = samples.map(() => undefined);
  let told = 0;
  await openLoop(samples, signal, async (sample) => {
    const index = sample.number - 1;
    const next = others[index % others.length];
    if (next === undefined) throw new Error("round robin needs a replica");
    const [warmpath, direct] = await Promise.all([send(appUrl, sample, signal), send(next.url, sample, signal)]);
    pairs[index] = { sample, warmpath, roundRobin: { ...direct, replica: next.name } };
    for (let next = pairs[told]; next !== undefined; next = pairs[++told]) onPair(next);
  });
  return pairs.filter((pair) => pair !== undefined);
}

/** Of the requests that were answered with an image. Seconds. */
export interface Totals {
  readonly served: number;
  readonly loads: number;
  /** Seconds that GPUs spent loading. */
  readonly loadingS: number;
  /** From sending to the answer's last byte. NaN: none was served. */
  readonly meanS: number;
  readonly longestS: number;
}

export function totalsOf(answers: readonly Answered[]): Totals {
  const served = answers.filter(({ status }) => status === 200);
  const loads = served.map(({ loadMs }) => loadMs).filter((loadMs) => loadMs !== null);
  const timesMs = served.map(({ totalMs }) => totalMs);
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  return {
    served: served.length,
    loads: loads.length,
    loadingS: sum(loads) / 1000,
    meanS: sum(timesMs) / served.length / 1000,
    longestS: Math.max(...timesMs) / 1000,
  };
}
