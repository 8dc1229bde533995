// How replicas come, change and go: heartbeats, in-band reports, drain, stop, delete, expiry, restart of the object.
import { endEjections } from "../health/ejection.ts";
import type { Fleet } from "./fleet.ts";
import { processKey, Replica } from "./replica.ts";
import type { Heartbeat, ReplicaStatus } from "./report.ts";
import {
  admitsHints,
  advertise,
  endAdvisedLoads,
  indexReplica,
  purgeLoading,
  reindexSlots,
  unindexReplica,
} from "./residency.ts";
import { LIMITS } from "../limits.ts";
import { setNewest } from "./maps.ts";
import { holdReclaimed, reclaimSlots, unanswered } from "./slots.ts";
import type { Tombstone } from "./tombstones.ts";

export type HeartbeatOutcome =
  /**
   * `stored`: whether something has changed that a restart must know. `reclaimed`: slots freed because the replica says that they are not in use.
   * `replaced`: the replica that had this origin until now, and has left; null: none had it.
   */
  | { readonly kind: "accepted"; readonly stored: boolean; readonly reclaimed: number; readonly replaced: string | null }
  | { readonly kind: "stopped"; readonly known: boolean }
  | { readonly kind: "stale"; readonly incarnation: number; readonly sequence: number | null }
  /** Another replica has the origin, in a newer incarnation: this replica, in this incarnation. */
  | { readonly kind: "origin_taken"; readonly replica: string; readonly incarnation: number }
  | { readonly kind: "fleet_full"; readonly detail: string };

/** What the router takes over of a report, unless the replica stops. */
interface Report extends Pick<Heartbeat, "origin" | "concurrency" | "hintSlots" | "hints"> {
  readonly status: ReplicaStatus;
  readonly sequence?: number | null;
}

/** What a restart of the object restores of a replica. */
export interface StoredReplica extends Omit<Report, "sequence"> {
  readonly id: string;
  readonly incarnation: number;
  readonly drained: boolean;
  /** Whether its heartbeats say what it holds. */
  readonly reportsHints: boolean;
}

/**
 * Applies one heartbeat, or says why not and changes nothing. `cameAtMs`: when the heartbeat reached the router; it was made no later. Applied again
 * it changes nothing, if it has no sequence number. O(hints).
 */
export function applyHeartbeat(
  fleet: Fleet,
  beat: Heartbeat,
  timeToLiveMs: number,
  now: number,
  cameAtMs = now,
): HeartbeatOutcome {
  const stale = staleness(fleet, beat, timeToLiveMs, now);
  if (stale !== null) return stale;
  const known = fleet.replicas.get(beat.replica) ?? null;
  if (beat.status === "stopped") return stop(fleet, beat, now + timeToLiveMs);
  const owner = fleet.byOrigin.get(beat.origin);
  const other = owner === undefined || owner.id === beat.replica ? null : owner;
  if (other !== null && other.incarnation > beat.incarnation) {
    return { kind: "origin_taken", replica: other.id, incarnation: other.incarnation };
  }
  const full = fullness(fleet, known ?? other, beat);
  if (full !== null) return { kind: "fleet_full", detail: full };
  // Another id now answers at the origin, so the process that was there is gone: its container may have come back under a new name.
  if (other !== null) depart(fleet, other, now + timeToLiveMs);
  const same = known?.incarnation === beat.incarnation ? known : null;
  if (known !== null && same === null) {
    unindexReplica(fleet, known);
    orphan(fleet, known, now + timeToLiveMs);
  }
  const replica = same ?? returning(fleet, beat) ?? new Replica(beat.replica, beat.incarnation);
  const reclaimed = believeInFlight(fleet, replica, beat.inFlight, now);
  const stored = report(fleet, replica, { ...beat, status: beat.status }, now + timeToLiveMs, cameAtMs);
  endAdvisedLoads(fleet, replica, now);
  return { kind: "accepted", stored, reclaimed, replaced: other?.id ?? null };
}

/**
 * Applies the list that the replica sent with a response. Ignores the list if the replica has left meanwhile or the fleet is full of hints. Says
 * whether something has changed that a restart must know.
 */
export function applyInBandHints(fleet: Fleet, replica: Replica, hints: readonly string[], now: number): boolean {
  if (fleet.replicas.get(replica.id) !== replica || !admitsHints(fleet, replica, hints)) return false;
  replica.listedAtMs = now;
  const changed = advertise(fleet, replica, hints, now);
  endAdvisedLoads(fleet, replica, now);
  return changed;
}

/** An administrator drains the replica, or ends its drain. Requests may hope for it until `graceUntilMs`. Says whether anything has changed. */
export function setDrained(fleet: Fleet, replica: Replica, drained: boolean, graceUntilMs = 0): boolean {
  if (replica.drained === drained) return false;
  replica.drained = drained;
  replica.graceUntilMs = graceUntilMs;
  reindexSlots(fleet, replica);
  return true;
}

/** An administrator deletes the replica: it leaves now, and its incarnation may not return before `untilMs`. */
export function deleteReplica(fleet: Fleet, replica: Replica, untilMs: number): void {
  depart(fleet, replica, untilMs, { forbidden: true });
}

/** Removes replicas whose time to live is over, and forgets what is no longer needed. Gives the removed replicas. O(unhealthy). */
export function sweep(fleet: Fleet, timeToLiveMs: number, now: number): readonly Replica[] {
  purgeLoading(fleet, now);
  const expired = fleet.expiring.takeUntil(now);
  for (const replica of expired) {
    replica.lost = true;
    depart(fleet, replica, now + timeToLiveMs);
  }
  endEjections(fleet, now);
  fleet.tombstones.forget(now);
  return expired;
}

/**
 * Gives processes that left a time to live ago, other than by silence. The requests that such a process has not begun to answer are
 * lost. A frozen process keeps its connections open, so they do not show that. Gives each process once. O(such processes).
 */
export function sweepOrphaning(fleet: Fleet, now: number): readonly Replica[] {
  const lost: Replica[] = [];
  for (const [replica, atMs] of fleet.orphaning) {
    if (atMs > now) continue;
    fleet.orphaning.delete(replica);
    replica.lost = true;
    lost.push(replica);
  }
  return lost;
}

/** The process has left the fleet. Requests wait until `lostAtMs` for their answers to begin. */
function orphan(fleet: Fleet, replica: Replica, lostAtMs: number): void {
  setNewest(
    fleet.processTombstones,
    processKey(replica.id, replica.incarnation),
    replica.lost ? -Infinity : lostAtMs,
    LIMITS.tombstonesPerApp,
  );
  if (!replica.lost && unanswered(replica).next().done !== true) fleet.orphaning.set(replica, lostAtMs);
}

/**
 * Whether the process is gone, so that answers of it that have not begun never will: it was silent for its time to live, or left that long ago. False if the
 * object does not know, as after a restart. O(1).
 */
export function isProcessLost({ processTombstones }: Fleet, id: string, incarnation: number, now: number): boolean {
  return (processTombstones.get(processKey(id, incarnation)) ?? Infinity) <= now;
}

/** Puts a replica back from storage. The replica lives until `expiresAtMs`. Its load is unknown until tickets and its first heartbeat tell. */
export function restoreReplica(fleet: Fleet, stored: StoredReplica, expiresAtMs: number): void {
  const replica = new Replica(stored.id, stored.incarnation);
  replica.drained = stored.drained;
  replica.restored = true;
  replica.graceUntilMs = expiresAtMs;
  report(fleet, replica, stored, expiresAtMs, -Infinity);
  replica.reportsHints = stored.reportsHints;
}

export function storedForm(replica: Replica): StoredReplica {
  const { id, incarnation, origin, status, drained, concurrency, hintSlots, advertised, reportsHints } = replica;
  const hints = advertised && [...advertised.keys()];
  return { id, incarnation, origin, status, drained, concurrency, hintSlots, hints, reportsHints };
}

/** The replica says that it stops: it leaves at once. If it has left already, its tombstone keeps what it said last. */
function stop(fleet: Fleet, beat: Heartbeat, untilMs: number): HeartbeatOutcome {
  const known = fleet.replicas.get(beat.replica);
  const departed = fleet.tombstones.get(beat.replica);
  const last = known ?? departed;
  const { incarnation } = beat;
  const isSame = last?.incarnation === incarnation;
  const said = { incarnation, sequence: beat.sequence ?? (isSame ? last.sequence : null) };
  if (known !== undefined) depart(fleet, known, untilMs, said);
  else if (departed !== undefined)
    fleet.tombstones.set(beat.replica, { ...departed, ...(isSame ? {} : { record: null, forbidden: false }), ...said });
  return { kind: "stopped", known: known !== undefined };
}

/** The refusal of a heartbeat that is older than what is known of the replica, or of a deleted incarnation; null: the heartbeat is news. */
function staleness(fleet: Fleet, beat: Heartbeat, timeToLiveMs: number, now: number): HeartbeatOutcome | null {
  const live = fleet.replicas.get(beat.replica);
  const gone = fleet.tombstones.get(beat.replica);
  const known = live ?? gone;
  if (known === undefined) return null;
  const untilMs = live === undefined ? (gone?.untilMs ?? 0) : live.expiresAtMs + timeToLiveMs;
  if (untilMs <= now || beat.incarnation > known.incarnation) return null;
  const late = beat.sequence !== null && known.sequence !== null && beat.sequence <= known.sequence;
  const forbidden = live === undefined && gone?.forbidden === true;
  if (beat.incarnation === known.incarnation && !late && !forbidden) return null;
  return { kind: "stale", incarnation: known.incarnation, sequence: known.sequence };
}

/**
 * Why the fleet has no room for what the heartbeat says; null: it has. `known`: the replica whose place is taken over; null: a new place is needed.
 */
function fullness(fleet: Fleet, known: Replica | null, beat: Heartbeat): string | null {
  if (known === null && fleet.replicas.size >= LIMITS.replicasPerApp) return `the app has ${LIMITS.replicasPerApp} replicas`;
  if (admitsHints(fleet, known, beat.hints)) return null;
  return `the app's replicas would advertise more than ${LIMITS.hintsPerApp} hints or ${LIMITS.hintTextPerApp} characters of hints`;
}

/** The record of a replica that left and returns in the same incarnation, so that the requests it still runs count again. */
function returning(fleet: Fleet, beat: Heartbeat): Replica | null {
  const departed = fleet.tombstones.get(beat.replica);
  return departed?.incarnation === beat.incarnation ? departed.record : null;
}

/** Writes what a report says into the record and the indexes. Says whether something has changed that a restart must know. */
function report(fleet: Fleet, replica: Replica, said: Report, expiresAtMs: number, madeAtMs: number): boolean {
  const joined = fleet.replicas.get(replica.id) !== replica;
  fleet.replicas.set(replica.id, replica);
  fleet.tombstones.delete(replica.id);
  fleet.orphaning.delete(replica);
  fleet.processTombstones.delete(processKey(replica.id, replica.incarnation));
  replica.lost = false;
  const routed =
    joined || replica.origin !== said.origin || replica.status !== said.status || replica.concurrency !== said.concurrency;
  if (fleet.byOrigin.get(replica.origin) === replica) fleet.byOrigin.delete(replica.origin);
  fleet.byOrigin.set(said.origin, replica);
  replica.origin = said.origin;
  if (said.status === "draining" && (joined || replica.status !== "draining")) replica.graceUntilMs = expiresAtMs;
  replica.status = said.status;
  replica.concurrency = said.concurrency;
  replica.expiresAtMs = expiresAtMs;
  fleet.expiring.set(replica, expiresAtMs);
  replica.sequence = said.sequence ?? replica.sequence;
  if (joined) indexReplica(fleet, replica);
  const reportsHints = said.hints !== null;
  const heard = reportsHints || replica.reportsHints || joined;
  const hinted = replica.hintSlots !== said.hintSlots || replica.reportsHints !== reportsHints;
  replica.reportsHints = reportsHints;
  replica.hintSlots = said.hintSlots;
  const advertised = heard && advertise(fleet, replica, said.hints, madeAtMs);
  if (heard) replica.listedAtMs = Math.max(replica.listedAtMs, madeAtMs);
  reindexSlots(fleet, replica);
  return routed || hinted || advertised;
}

/**
 * Compares the number of requests that the replica reports with the slots held on it. Gives the number of slots that this frees. O(g log g) in
 * grants.
 *
 * If the replica reports more, requests whose slots were taken back get them again. In the first report after a restart of the object, the rest
 * counts as requests that no ticket has adopted yet; later reports can only lower that number.
 *
 * If the replica reports fewer in two reports in a row, the oldest slots are freed: only slots held since before the first report, because younger
 * requests may not have reached the replica when it counted, and of these as many as the second report leaves out.
 */
function believeInFlight(fleet: Fleet, replica: Replica, inFlight: number | null, now: number): number {
  const before = replica.surplus;
  replica.surplus = null;
  if (inFlight === null) return 0;
  // Of the requests that isolates sent some may be over since the last reports, so none of them shows that a slot is surplus.
  holdReclaimed(fleet, replica, inFlight - replica.direct - replica.grants.size);
  const held = replica.grants.size;
  const excess = Math.max(0, inFlight - replica.direct - held);
  replica.unadopted = replica.restored ? Math.min(excess, replica.concurrency) : Math.min(replica.unadopted, excess);
  replica.restored = false;
  if (held <= inFlight) return 0;
  replica.surplus = { count: held - inFlight, atMs: now };
  if (before === null) return 0;
  const older = [...replica.grants.values()].filter(({ grantedAtMs }) => grantedAtMs < before.atMs);
  const oldest = older
    .sort((a, b) => a.grantedAtMs - b.grantedAtMs)
    .slice(0, Math.max(0, Math.min(before.count, older.length - inFlight)));
  reclaimSlots(fleet, replica, oldest, now);
  return oldest.length;
}

/** The replica leaves. `said`: what is remembered of the replica if that is not what its record says. */
function depart(fleet: Fleet, replica: Replica, untilMs: number, said: Partial<Tombstone> = {}): void {
  const { incarnation = replica.incarnation, sequence = replica.sequence, forbidden = false } = said;
  fleet.replicas.delete(replica.id);
  unindexReplica(fleet, replica);
  orphan(fleet, replica, untilMs);
  const record = incarnation === replica.incarnation ? replica : null;
  fleet.tombstones.add(replica.id, { untilMs, incarnation, sequence, forbidden, record });
}
