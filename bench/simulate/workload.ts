// The requests a simulation is run with: when each arrives, what it needs, and how long serving it takes.

export interface Request {
  readonly atMs: number;
  /** The one hint it sends. */
  readonly hint: string;
  readonly serviceMs: number;
}

/** In order of arrival. */
export type Workload = readonly Request[];

export function totalServiceMs(workload: Workload): number {
  return workload.reduce((total, { serviceMs }) => total + serviceMs, 0);
}

/** Hints with their numbers of requests, most first; of as many, which came first. */
export function hintsOf(workload: Workload): [hint: string, requests: number][] {
  const counts = new Map<string, number>();
  for (const { hint } of workload) counts.set(hint, (counts.get(hint) ?? 0) + 1);
  return [...counts].sort(([, one], [, other]) => other - one);
}
