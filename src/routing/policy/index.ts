// The policies that ship, by the names that the setting SCHEDULING takes.
import { costPolicy, type AffinityWait } from "./cost.ts";
import { fifoPolicy } from "./fifo.ts";
import type { Policy } from "./policy.ts";

export const SCHEDULING = ["cost", "fifo"] as const;
export type Scheduling = (typeof SCHEDULING)[number];

const POLICIES = { cost: costPolicy, fifo: fifoPolicy };

export function policyOf(scheduling: Scheduling, affinityWait: AffinityWait): Policy {
  return POLICIES[scheduling](affinityWait);
}
