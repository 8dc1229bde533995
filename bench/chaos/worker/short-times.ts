// Times that are fixed in the router and longer than a short run of chaos can wait for, made shorter: how long a replica is passed over, how
// old a snapshot gets, how long an app is remembered before the Directory is asked again, how long a short body may take. Everything else is
// as in production.
import { LIMITS } from "../../../src/routing/limits.ts";

const SHORT_MS: Readonly<Record<string, number>> = {
  ejectionMs: 500,
  ejectionLeastMs: 200,
  ejectionMostMs: 4000,
  snapshotAgeMs: 1000,
  knownAppMs: 1000,
  bodyReadMs: 1500,
};

export function shortenTimes(): void {
  const limits = LIMITS as unknown as Record<string, number>;
  for (const [name, ms] of Object.entries(SHORT_MS)) if (name in limits) limits[name] = ms;
}
