// Times that are fixed in the router, and too long for a short run of chaos, made shorter: how long a replica is passed over, how old a snapshot
// gets, how long an app is remembered before the Directory is asked again, how long a short body may take, how often a webhook is called. Everything else is as in production,
// counts above all. To shorten another limit, add it to the table.
import { BOUNDS } from "../../../src/limits.ts";
import { LIMITS } from "../../../src/routing/limits.ts";

const SHORT_LIMITS: Readonly<Partial<Record<keyof typeof LIMITS, number>>> = {
  ejectionMs: 1500,
  ejectionLeastMs: 200,
  ejectionMostMs: 4000,
  hintFailureMs: 1500,
  hintFailureMostMs: 8000,
  refusedSlotMs: 100,
  refusedSlotMostMs: 1000,
};

const SHORT_BOUNDS: Readonly<Partial<Record<keyof typeof BOUNDS, number>>> = {
  snapshotAgeMs: 1000,
  knownAppMs: 1000,
  bodyReadMs: 1500,
  webhookEveryMs: 1000,
};

export function shortenTimes(): void {
  Object.assign(LIMITS, SHORT_LIMITS);
  Object.assign(BOUNDS, SHORT_BOUNDS);
}
