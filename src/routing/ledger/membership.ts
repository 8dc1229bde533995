// How replicas come, change and go: heartbeats, in-band reports, drain, stop, delete, expiry, restart of the object.
import { endEjections } from "../health/ejection.ts";
import { type Tombstone, type Fleet } from "./fleet.ts";
import { createReplica, isReady, type Replica } from "./replica.ts";
import type { Heartbeat, ReplicaStatus } from "./report.ts";
import { admitsHints, advertise, indexReplica, purgeLoading, reindexSlots, unindexReplica } from "./residency.ts";
import { LIMITS } from "../limits.ts";
import { holdReclaimed, reclaimOldest, unanswered } from "./slots.ts";

export type HeartbeatOutcome =
  /**
   * `stored`: what a restart must know has changed. `reclaimed`: slots freed because the replica says they are not in use. `replaced`: the replica
   * that was at this origin until now, and has left; null: none was.
   */
  | { readonly kind: "accepted"; readonly stored: boolean; readonly reclaimed: number; readonly replaced: string | null }
  | { readonly kind: "stopped"; readonly known: boolean }
  | { readonly kind: "stale"; readonly incarnation: number; readonly sequence: number | null }
  /** A replica of that id has the origin, in a newer incarnation. */
  | { readonly kind: "origin_taken"; readonly replica: string; readonly incarnation: number }
  | { readonly kind: "fleet_full"; readonly detail: string };

/** What a restart of the object restores of a replica. */
export interface StoredReplica {
  readonly id: string;
  readonly incarnation: number;
  readonly origin: string;
  readonly status: ReplicaStatus;
  readonly drained: boolean;
  readonly concurrency: number;
  readonly hintSlots: number | null;
  readonly hints: readonly string[] | null;
  /** Its heartbeats say what it holds. */
  readonly reportsHints: boolean;
}

type Accepted = Heartbeat & { readonly status: ReplicaStatus };

/**
 * Applies one heartbeat, or says why not and changes nothing. `cameAtMs`: when it reached the router, which is the latest that it can have been
 * made. Idempotent but for the sequence number. O(hints).
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
  if (other !== null) expelOwner(fleet, other, now + timeToLiveMs);
  const same = known?.incarnation === beat.incarnation ? known : null;
  if (known !== null && same === null) {
    unindexReplica(fleet, known);
    orphan(fleet, known, now + timeToLiveMs);
  }
  const replica = same ?? returning(fleet, beat) ?? createReplica(beat.replica, beat.incarnation);
  const reclaimed = believeInFlight(fleet, replica, beat.inFlight, now);
  const stored = report(fleet, replica, { ...beat, status: beat.status }, now + timeToLiveMs, cameAtMs);
  return { kind: "accepted", stored, reclaimed, replaced: other?.id ?? null };
}

/** Another id now answers at the replica's origin: the process that it was is gone, as a container is that came back under a new name. */
function expelOwner(fleet: Fleet, owner: Replica, untilMs: number): void {
  const { incarnation, sequence } = owner;
  depart(fleet, owner, { untilMs, forbidden: false, incarnation, sequence });
}

/**
 * The list a replica sent with a response. Ignored where the replica has left meanwhile or the fleet is full of hints.
 * Says whether what a restart must know has changed.
 */
export function applyInBandHints(fleet: Fleet, replica: Replica, hints: readonly string[], now: number): boolean {
  if (fleet.replicas.get(replica.id) !== replica || !admitsHints(fleet, replica, hints)) return false;
  replica.listedAtMs = now;
  return advertise(fleet, replica, hints, now);
}

/** An administrator's drain or its end. Requests hope for its return until then, where no other replica can come. Says whether anything changed. */
export function setDrained(fleet: Fleet, replica: Replica, drained: boolean, graceUntilMs = 0): boolean {
  if (replica.drained === drained) return false;
  replica.drained = drained;
  replica.graceUntilMs = graceUntilMs;
  fleet.version++;
  reindexSlots(fleet, replica);
  return true;
}

/** An administrator's DELETE: gone now, and this incarnation may not return within one time to live. */
export function deleteReplica(fleet: Fleet, replica: Replica, untilMs: number): void {
  depart(fleet, replica, {
    untilMs,
    forbidden: true,
    incarnation: replica.incarnation,
    sequence: replica.sequence,
  });
}

/** Removes replicas whose time to live ran out and forgets what is no longer needed. Gives the removed. O(replicas). */
export function sweep(fleet: Fleet, timeToLiveMs: number, now: number): readonly Replica[] {
  const expired: Replica[] = [];
  fleet.nextExpiryMs = Infinity;
  for (const replica of fleet.replicas.values()) {
    purgeLoading(fleet, replica, now);
    if (replica.expiresAtMs <= now) expired.push(replica);
    else fleet.nextExpiryMs = Math.min(fleet.nextExpiryMs, replica.expiresAtMs);
  }
  for (const replica of expired) {
    const { incarnation, sequence } = replica;
    replica.lost = true;
    depart(fleet, replica, { untilMs: now + timeToLiveMs, forbidden: false, incarnation, sequence });
  }
  endEjections(fleet, now);
  for (const [id, departed] of fleet.tombstones) {
    if (departed.untilMs <= now && !isStillOwed(departed)) fleet.tombstones.delete(id);
  }
  return expired;
}

/**
 * Processes that left otherwise than by silence, and a time to live ago: what they have not begun to answer is lost, since a process that is frozen
 * keeps its connections open. Gives each once. O(such processes).
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

/** The process has left the fleet; those who wait for its answers to begin do so until then. */
function orphan(fleet: Fleet, replica: Replica, lostAtMs: number): void {
  if (!replica.lost && unanswered(replica).next().done !== true) fleet.orphaning.set(replica, lostAtMs);
}

/** Puts a replica back from storage: live for one time to live, its load unknown until tickets and its first heartbeat tell. */
export function restoreReplica(fleet: Fleet, stored: StoredReplica, expiresAtMs: number): void {
  const replica = createReplica(stored.id, stored.incarnation);
  replica.drained = stored.drained;
  replica.restored = true;
  replica.graceUntilMs = expiresAtMs;
  report(fleet, replica, stored, expiresAtMs, -Infinity);
  replica.reportsHints = stored.reportsHints;
}

export function storedForm(replica: Replica): StoredReplica {
  const { id, incarnation, origin, status, drained, concurrency, hintSlots, advertised, reportsHints } = replica;
  const hints = advertised && [...advertised];
  return { id, incarnation, origin, status, drained, concurrency, hintSlots, hints, reportsHints };
}

/**
 * Until when requests may hope for a replica where none is ready: for ever while one starts, else while one that drains, was drained or left could
 * still return or be followed by its next process; 0 when there is no hope. O(1) where one is ready, else O(replicas and departed).
 */
export function graceUntilMs(fleet: Fleet): number {
  if (fleet.free.size + fleet.busy.size > 0) return Infinity;
  let until = 0;
  for (const replica of fleet.replicas.values()) {
    if (replica.status !== "draining" && !replica.drained) return Infinity;
    until = Math.max(until, replica.graceUntilMs);
  }
  for (const departed of fleet.tombstones.values()) until = Math.max(until, departed.untilMs);
  return until;
}

/** Whether any replica outside `avoid` is ready, free or not. O(avoided). */
export function hasReady({ free, busy, replicas }: Fleet, avoid: readonly string[]): boolean {
  let ready = free.size + busy.size;
  for (const id of new Set(avoid)) {
    const replica = replicas.get(id);
    if (replica !== undefined && isReady(replica)) ready--;
  }
  return ready > 0;
}

/** A departed replica whose requests still run, or whose drain would be forgotten if it returned in the same incarnation. */
function isStillOwed({ record }: Tombstone): boolean {
  return record !== null && (record.grants.size > 0 || record.drained);
}

/** It leaves at once; one that has left already is remembered by what it said last. */
function stop(fleet: Fleet, beat: Heartbeat, untilMs: number): HeartbeatOutcome {
  const known = fleet.replicas.get(beat.replica);
  const last = known ?? fleet.tombstones.get(beat.replica);
  const sequence = beat.sequence ?? (last?.incarnation === beat.incarnation ? last.sequence : null);
  const { incarnation } = beat;
  if (known !== undefined) depart(fleet, known, { untilMs, forbidden: false, incarnation, sequence });
  const departed = fleet.tombstones.get(beat.replica);
  if (known === undefined && departed !== undefined) {
    const same = departed.incarnation === incarnation;
    const { record, forbidden } = same ? departed : { record: null, forbidden: false };
    fleet.tombstones.set(beat.replica, { untilMs: departed.untilMs, incarnation, sequence, record, forbidden });
  }
  return { kind: "stopped", known: known !== undefined };
}

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

/** `known`: whose place it takes; null: it has none yet. */
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

/** Writes what a report says into the record and the indexes. Says whether a restart must know. */
function report(fleet: Fleet, replica: Replica, said: Accepted | StoredReplica, expiresAtMs: number, madeAtMs: number): boolean {
  const joined = fleet.replicas.get(replica.id) !== replica;
  fleet.replicas.set(replica.id, replica);
  fleet.tombstones.delete(replica.id);
  fleet.orphaning.delete(replica);
  replica.lost = false;
  const routed =
    joined || replica.origin !== said.origin || replica.status !== said.status || replica.concurrency !== said.concurrency;
  if (fleet.byOrigin.get(replica.origin) === replica) fleet.byOrigin.delete(replica.origin);
  fleet.byOrigin.set(said.origin, replica);
  replica.origin = said.origin;
  if (said.status === "draining" && (joined || replica.status !== "draining")) replica.graceUntilMs = expiresAtMs;
  replica.status = said.status;
  replica.concurrency = said.concurrency;
  replica.weight = said.concurrency;
  replica.expiresAtMs = expiresAtMs;
  fleet.nextExpiryMs = Math.min(fleet.nextExpiryMs, expiresAtMs);
  if ("sequence" in said) replica.sequence = said.sequence ?? replica.sequence;
  if (joined) indexReplica(fleet, replica);
  const reportsHints = said.hints !== null;
  const heard = reportsHints || replica.reportsHints || joined;
  const hinted = replica.hintSlots !== said.hintSlots || replica.reportsHints !== reportsHints;
  replica.reportsHints = reportsHints;
  replica.hintSlots = said.hintSlots;
  const advertised = heard && advertise(fleet, replica, said.hints, madeAtMs);
  if (heard) replica.listedAtMs = Math.max(replica.listedAtMs, madeAtMs);
  if (routed) fleet.version++;
  reindexSlots(fleet, replica);
  return routed || hinted || advertised;
}

/**
 * Compares the requests a replica counts with the slots held on it. After a restart the excess is taken as requests nobody has
 * claimed; it only ever shrinks. A count below the slots held in two reports running frees the oldest surplus: as many of the slots
 * held since before the first report as the second can't account for. Younger ones may have crossed with a report. A count above the slots held
 * gives slots back to requests from which they were taken. O(grants).
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
  let older = 0;
  for (const grant of replica.grants.values()) if (grant.grantedAtMs < before.atMs) older++;
  return reclaimOldest(fleet, replica, Math.max(0, Math.min(before.count, older - inFlight)), before.atMs, now);
}

type Departure = Omit<Tombstone, "record">;

function depart(fleet: Fleet, replica: Replica, departure: Departure): void {
  fleet.replicas.delete(replica.id);
  unindexReplica(fleet, replica);
  orphan(fleet, replica, departure.untilMs);
  fleet.tombstones.delete(replica.id);
  fleet.tombstones.set(replica.id, { ...departure, record: departure.incarnation === replica.incarnation ? replica : null });
  const [oldest] = fleet.tombstones.keys();
  if (fleet.tombstones.size > LIMITS.tombstonesPerApp && oldest !== undefined) fleet.tombstones.delete(oldest);
  fleet.version++;
}
