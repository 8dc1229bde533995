// Replicas come, change and go: what the ledger makes of their reports and of an administrator's word (ledger/membership.ts), counted, and told to the log
// of events.
import {
  applyHeartbeat,
  applyInBandHints,
  deleteReplica,
  setDrained,
  sweep,
  type HeartbeatOutcome,
} from "./ledger/membership.ts";
import { holdsHint, inFlight, type Replica } from "./ledger/replica.ts";
import type { Heartbeat } from "./ledger/report.ts";
import { LIMITS } from "./limits.ts";
import type { Scheduler } from "./scheduler.ts";

/** Applies one heartbeat, as `applyHeartbeat`. */
export function hear(scheduler: Scheduler, beat: Heartbeat, timeToLiveMs: number, now: number, cameAtMs = now): HeartbeatOutcome {
  const { fleet, counters, metrics, events } = scheduler;
  const known = fleet.replicas.get(beat.replica);
  const before = known?.status;
  const held = known === undefined ? null : heldBy(known);
  const outcome = applyHeartbeat(fleet, beat, timeToLiveMs, now, cameAtMs);
  metrics.heartbeats[outcome.kind]++;
  if (outcome.kind === "stopped" && known !== undefined) left(scheduler, "stopped", known, now);
  const replica = fleet.replicas.get(beat.replica);
  if (outcome.kind !== "accepted" || replica === undefined) return outcome;
  counters.reclaimed += outcome.reclaimed;
  const { id, status, origin, concurrency, drained, ejectedFor } = replica;
  const { replaced } = outcome;
  if (replaced !== null) events.record({ kind: "replaced", replica: replaced, by: id, origin }, now);
  if (known !== replica) {
    const joined = { replica: id, origin, status, concurrency, hints: replica.advertised?.size ?? null };
    if (known === undefined) events.record({ kind: "joined", ...joined, drained, unhealthy: ejectedFor !== null }, now);
    else events.record({ kind: "restarted", incarnation: replica.incarnation, ...joined }, now);
    return outcome;
  }
  if (before !== undefined && before !== status)
    events.record({ kind: status, replica: id, before, running: inFlight(replica) }, now);
  if (held !== null) recordDropped(scheduler, replica, held, now);
  return outcome;
}

/** Applies a list that came with an answer, as `applyInBandHints`. `listedAtMs`: when it came. */
export function hearInBand(
  scheduler: Scheduler,
  replica: Replica,
  hints: readonly string[],
  now: number,
  listedAtMs = now,
): boolean {
  const held = heldBy(replica);
  const changed = applyInBandHints(scheduler.fleet, replica, hints, listedAtMs);
  recordDropped(scheduler, replica, held, now);
  return changed;
}

/** An administrator drains the replica, or ends its drain, as `setDrained`. */
export function drain(scheduler: Scheduler, replica: Replica, drained: boolean, graceUntilMs: number, now: number): boolean {
  const { fleet, events } = scheduler;
  if (!setDrained(fleet, replica, drained, graceUntilMs)) return false;
  events.record({ kind: drained ? "drained" : "undrained", replica: replica.id, running: inFlight(replica) }, now);
  return true;
}

/** An administrator deletes the replica, as `deleteReplica`. */
export function remove(scheduler: Scheduler, replica: Replica, untilMs: number, now: number): void {
  deleteReplica(scheduler.fleet, replica, untilMs);
  left(scheduler, "removed", replica, now);
}

/** Removes the replicas whose time to live is over, and gives them. */
export function expire(scheduler: Scheduler, timeToLiveMs: number, now: number): readonly Replica[] {
  const expired = sweep(scheduler.fleet, timeToLiveMs, now);
  for (const replica of expired) left(scheduler, "expired", replica, now);
  return expired;
}

function left({ events }: Scheduler, kind: "stopped" | "removed" | "expired", replica: Replica, now: number): void {
  events.record({ kind, replica: replica.id, running: inFlight(replica) }, now);
}

/** What a replica holds, so that it can be told later what it has dropped. O(hints that no list has named). */
interface Held {
  readonly advertised: Replica["advertised"];
  readonly unreported: readonly string[];
}

function heldBy({ advertised, unreported }: Replica): Held {
  return { advertised, unreported: unreported.size === 0 ? NOTHING : [...unreported.keys()] };
}

const NOTHING: readonly string[] = [];

/** O(1) if nothing has changed, else O(hints). */
function recordDropped({ fleet, events }: Scheduler, replica: Replica, held: Held, now: number): void {
  const { advertised, unreported } = held;
  if (advertised === replica.advertised && unreported.length === 0) return;
  if (fleet.replicas.get(replica.id) !== replica) return;
  const before = advertised === replica.advertised || advertised === null ? unreported : [...advertised.keys(), ...unreported];
  const dropped = before.filter((hint) => !holdsHint(replica, hint));
  if (dropped.length === 0) return;
  const hints = dropped.slice(0, LIMITS.droppedHintsNamed);
  events.record({ kind: "dropped", replica: replica.id, hints, more: dropped.length - hints.length }, now);
}
