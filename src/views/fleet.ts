// A whole fleet as it is believed to be.
import type { HeartbeatTiming } from "../routing/ledger/liveness.ts";
import type { Counters, Scheduler } from "../routing/scheduler.ts";
import { viewReplica, type ReplicaView } from "./replica.ts";

export interface FleetView {
  readonly app: string;
  readonly replicas: readonly ReplicaView[];
  readonly waiting: number;
  readonly waiting_high: number;
  readonly waiting_low: number;
  readonly in_flight: number;
  readonly counters: Counters;
  readonly next_heartbeat_ms: number;
  readonly time_to_live_ms: number;
}

/** O(replicas). */
export function viewFleet(app: string, scheduler: Scheduler, timing: HeartbeatTiming, now: number): FleetView {
  const { fleet, queue, counters } = scheduler;
  const replicas = [...fleet.replicas.values()];
  return {
    app,
    replicas: replicas.map((replica) => viewReplica(replica, now)),
    waiting: queue.waiting.size,
    waiting_high: queue.count.high,
    waiting_low: queue.count.low,
    in_flight: replicas.reduce((sum, { direct }) => sum + direct, fleet.grants.size),
    counters,
    next_heartbeat_ms: timing.nextHeartbeatMs,
    time_to_live_ms: timing.timeToLiveMs,
  };
}
