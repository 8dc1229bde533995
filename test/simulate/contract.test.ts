// Every policy, the router's own included, keeps the contract.
import { BASELINES } from "../../bench/simulate/routers/index.ts";
import { warmpath } from "../../bench/simulate/routers/warmpath.ts";
import { routerContract } from "./router-contract.ts";

const LATE = new Set(["fal", "ray-serve", "late-binding"]);
const OPTIONS = { queueTimeoutMs: Infinity, queueLengthMax: Infinity, coldStartMs: 12_000 };

routerContract("warmpath", warmpath({ ...OPTIONS, affinityWait: "auto", evictAdvice: false }), { bindsLate: true });
routerContract("warmpath with advice", warmpath({ ...OPTIONS, affinityWait: "auto", evictAdvice: true }), { bindsLate: true });
routerContract("warmpath that never waits", warmpath({ ...OPTIONS, affinityWait: "never", evictAdvice: false }), {
  bindsLate: true,
});
for (const [name, make] of Object.entries(BASELINES)) routerContract(name, make, { bindsLate: LATE.has(name) });
