// Every policy, the router's own included, keeps the contract.
import { BASELINES } from "../../bench/simulate/routers/index.ts";
import { warmpath } from "../../bench/simulate/routers/warmpath.ts";
import { costPolicy } from "../../src/routing/policy/cost.ts";
import { fifoPolicy } from "../../src/routing/policy/fifo.ts";
import { routerContract } from "./router-contract.ts";

const LATE = new Set(["fal", "ray-serve"]);
const OPTIONS = { queueTimeoutMs: Infinity, queueLengthMax: Infinity, coldStartMs: 12_000 };

for (const [name, make] of Object.entries(BASELINES)) routerContract(name, make, { bindsLate: LATE.has(name) });
routerContract("warmpath", warmpath(OPTIONS, costPolicy), { bindsLate: true });
routerContract("fifo", warmpath(OPTIONS, fifoPolicy), { bindsLate: true });
routerContract(
  "warmpath that never waits",
  warmpath(OPTIONS, () => costPolicy("never")),
  { bindsLate: true },
);
