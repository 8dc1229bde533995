// Times that are fixed in the router and longer than a short run of chaos can wait for, made shorter: how long a replica is passed over, how
// old a snapshot gets, how long an app is remembered before the Directory is asked again, how long a short body may take. Everything else is
// as in production, counts above all. To shorten another limit, add it to the table.
import { LIMITS } from "../../../src/routing/limits.ts";

/** Limits that the router may not have yet: where it has not, there is nothing to shorten. Any other name must be one of LIMITS. */
type Coming = "hintFailureMs" | "hintFailureMostMs" | "unavailableHoldMs";

const SHORT_MS: Readonly<Partial<Record<keyof typeof LIMITS | Coming, number>>> = {
  ejectionMs: 1500,
  ejectionLeastMs: 200,
  ejectionMostMs: 4000,
  hintFailureMs: 1500,
  hintFailureMostMs: 8000,
  unavailableHoldMs: 250,
  snapshotAgeMs: 1000,
  knownAppMs: 1000,
  bodyReadMs: 1500,
};

export function shortenTimes(): void {
  const limits = LIMITS as unknown as Record<string, number>;
  for (const [name, ms] of Object.entries(SHORT_MS)) if (name in limits) limits[name] = ms;
}
