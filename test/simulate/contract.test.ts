// Every policy, the router's own included, keeps the contract.
import { allPolicies } from "../../bench/simulate/policies.ts";
import { warmpath } from "../../bench/simulate/routers/warmpath.ts";
import { costPolicy } from "../../src/routing/policy/cost.ts";
import { routerContract } from "./router-contract.ts";

const LATE = new Set(["warmpath", "fifo", "fal", "ray-serve"]);
const OPTIONS = { queueTimeoutMs: Infinity, queueLengthMax: Infinity, coldStartMs: 12_000, evictAdvice: false };

for (const [name, make] of allPolicies({ ...OPTIONS, affinityWait: "auto" }))
  routerContract(name, make, { bindsLate: LATE.has(name) });
routerContract("warmpath with advice", warmpath({ ...OPTIONS, affinityWait: "auto", evictAdvice: true }, costPolicy), {
  bindsLate: true,
});
routerContract(
  "warmpath that never waits",
  warmpath({ ...OPTIONS, affinityWait: "never" }, () => costPolicy("never")),
  { bindsLate: true },
);
