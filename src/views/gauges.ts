// What an operator's graphs read off a fleet as it is now.
import { loadOf, type Replica } from "../routing/ledger/replica.ts";
import type { Metrics } from "../routing/metrics/metrics.ts";
import type { Priority } from "../routing/ledger/queue.ts";
import type { Scheduler } from "../routing/scheduler.ts";

/** Each replica is in one state. `drained`: by an administrator. `ejected`, `probation`: would be ready, and failed requests. */
export const REPLICA_STATES = ["ready", "starting", "draining", "drained", "ejected", "probation"] as const;
export type ReplicaState = (typeof REPLICA_STATES)[number];

/** `unavailable`: free slots of replicas that get nothing now. */
export const SLOT_STATES = ["free", "busy", "unavailable"] as const;
export type SlotState = (typeof SLOT_STATES)[number];

export interface Gauges {
  readonly replicas: Readonly<Record<ReplicaState, number>>;
  readonly slots: Readonly<Record<SlotState, number>>;
  /** Requests that wait. */
  readonly queue: Readonly<Record<Priority, number>>;
}

/** What a Fleet object tells a scrape. */
export interface FleetScrape extends Gauges {
  readonly metrics: Metrics;
}

/** O(replicas). */
export function gaugesOf({ fleet, queue }: Pick<Scheduler, "fleet" | "queue">, now: number): Gauges {
  const replicas = { ready: 0, starting: 0, draining: 0, drained: 0, ejected: 0, probation: 0 };
  const slots = { free: 0, busy: 0, unavailable: 0 };
  for (const replica of fleet.replicas.values()) {
    const state = stateOf(replica, now);
    const busy = Math.min(loadOf(replica), replica.concurrency);
    replicas[state]++;
    slots.busy += busy;
    slots[state === "ready" || state === "probation" ? "free" : "unavailable"] += replica.concurrency - busy;
  }
  return { replicas, slots, queue: { ...queue.count } };
}

function stateOf(replica: Replica, now: number): ReplicaState {
  if (replica.status !== "ready" || replica.drained) return replica.status === "ready" ? "drained" : replica.status;
  if (replica.ejectedUntilMs > now) return "ejected";
  return replica.ejectedFor === null ? "ready" : "probation";
}
