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
  let total = 0;
  for (const { serviceMs } of workload) total += serviceMs;
  return total;
}
