// Every policy that ships, and one that is written here, keeps the contract.
import type { Waiting } from "../../../src/routing/ledger/queue.ts";
import { eligibleFor, eligibleToLoad, inHashOrder, warmPlace } from "../../../src/routing/policy/candidates.ts";
import { policyOf, SCHEDULING } from "../../../src/routing/policy/index.ts";
import type { Policy } from "../../../src/routing/policy/policy.ts";
import { policyContract } from "./contract.ts";

for (const scheduling of SCHEDULING) {
  // Under `fifo` whoever is warm goes first, so one that must load may wait until its deadline.
  const nobodyStarves = scheduling === "cost";
  policyContract(scheduling, () => policyOf(scheduling, "auto"), { neverWaits: false, nobodyStarves });
  policyContract(`${scheduling} that never waits`, () => policyOf(scheduling, "never"), { neverWaits: true, nobodyStarves });
}

/** Whoever came first goes first: to a warm replica if one is free, else by hash order. */
const longestWaiting: Policy = {
  pick({ fleet }, classes, now) {
    const heads = [...classes].flatMap(({ waiting: [head] }) => head ?? []);
    for (const request of heads.sort(byArrival)) {
      const eligible = eligibleFor(fleet, request, now);
      const warm = warmPlace(fleet, request, eligible, now);
      if (warm !== null) return { kind: "send", request, ...warm };
      const [hint] = request.hints;
      if (hint === undefined) continue;
      const able = eligibleToLoad(fleet, hint, eligible, now);
      const replica = inHashOrder([...fleet.free].filter(able), hint);
      if (replica !== null) return { kind: "send", request, replica, hint };
    }
    return null;
  },
  weigh: () => ({ evictionMs: 0, occupationMs: 0 }),
};

function byArrival(one: Waiting, other: Waiting): number {
  return one.arrivedAtMs - other.arrivedAtMs || one.id - other.id;
}

policyContract("longest waiting first", () => longestWaiting, { neverWaits: true, nobodyStarves: true });
