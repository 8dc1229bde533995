// The policies that are compared, by the names that `--policies` takes.
import type { MakeRouter } from "./router.ts";
import { BASELINES } from "./routers/index.ts";
import { policyOf } from "../../src/routing/policy/index.ts";
import { warmpath, type WarmpathOptions } from "./routers/warmpath.ts";

/** The policy that charts put in front. */
export const OURS = "warmpath";

/** In the order in which they are run and shown. */
export function allPolicies(options: WarmpathOptions): ReadonlyMap<string, MakeRouter> {
  return new Map<string, MakeRouter>([
    [OURS, warmpath(options, () => policyOf("cost", options.affinityWait))],
    ["fifo", warmpath(options, () => policyOf("fifo", options.affinityWait))],
    ...Object.entries(BASELINES),
  ]);
}
