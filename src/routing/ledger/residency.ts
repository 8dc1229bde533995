// What replicas hold: the lists that they advertise, loads in progress, and the indexes of both. Keeps the totals that the limits of a fleet are
// about. Decides nothing.
import { type Fleet } from "./fleet.ts";
import { hintsOf, holdsHint, inFlight, isReady, loadOf, usedAtMs, type Grant, type Replica } from "./replica.ts";
import { clamp } from "../model/mean.ts";
import { LazyMap } from "./maps.ts";
import { rankOf } from "./rank.ts";
import { LIMITS } from "../limits.ts";
import { hashNames } from "../rendezvous.ts";

/** Brings the indexes of free and busy replicas up to date. Called after every change of the replica's status or load. O(log n + hints). */
export function reindexSlots(fleet: Fleet, replica: Replica): void {
  const known = fleet.replicas.get(replica.id) === replica;
  const slots = known && isReady(replica) ? replica.concurrency : 0;
  countSlots(fleet, replica, slots, known ? inFlight(replica) : 0);
  if (slots > 0) fleet.ready.set(replica, rankOf(replica));
  else fleet.ready.delete(replica);
  const free = loadOf(replica) < slots;
  if (slots > 0 && !free) fleet.busy.add(replica);
  else fleet.busy.delete(replica);
  if (free) fleet.free.add(replica);
  else fleet.free.delete(replica);
  if (free === replica.isFree) return;
  replica.isFree = free;
  for (const hint of hintsOf(replica)) fleet.holders.noteFree(hint, replica);
}

/** The replica's number of requests or its pace has changed, so its place among the ready ones may have. O(log n). */
export function rerank({ ready }: Fleet, replica: Replica): void {
  if (ready.has(replica)) ready.set(replica, rankOf(replica));
}

function countSlots(fleet: Fleet, replica: Replica, slots: number, running: number): void {
  fleet.slots += slots - replica.countedSlots;
  replica.countedSlots = slots;
  fleet.running += running - replica.countedRunning;
  replica.countedRunning = running;
}

/** Whether the fleet stays within its limits if the list takes the place of the replica's present list. Changes nothing. */
export function admitsHints(fleet: Fleet, replica: Replica | null, hints: readonly string[] | null): boolean {
  const present = replica?.advertised ?? null;
  const count = fleet.advertisedHints - (present?.size ?? 0) + (hints?.length ?? 0);
  const text = fleet.advertisedText - textOf(present?.keys()) + textOf(hints);
  return count <= LIMITS.hintsPerApp && text <= LIMITS.hintTextPerApp;
}

/**
 * The replica has refused a request, so one more of its slots counts as taken for a moment: as long as its Retry-After asks, within bounds. Null: it
 * does not ask. O(hints).
 */
export function withholdSlot(fleet: Fleet, replica: Replica, retryAfterMs: number | null, now: number): void {
  endWithheld(fleet, now);
  const forMs = clamp(retryAfterMs ?? LIMITS.refusedSlotMs, LIMITS.refusedSlotMs, LIMITS.refusedSlotMostMs);
  replica.withheld = Math.min(replica.withheld + 1, replica.concurrency);
  replica.withheldUntilMs = Math.max(replica.withheldUntilMs, now + forMs);
  fleet.withholding.add(replica);
  reindexSlots(fleet, replica);
}

/** Slots that were withheld for long enough are free again. O(replicas that withhold slots). */
export function endWithheld(fleet: Fleet, now: number): void {
  for (const replica of fleet.withholding) {
    if (replica.withheldUntilMs > now) continue;
    fleet.withholding.delete(replica);
    replica.withheld = 0;
    reindexSlots(fleet, replica);
  }
}

/**
 * Replaces what the replica advertises. `cameAtMs`: when the list came. A list denies the loaded hints that it leaves out, unless it came before the
 * answer that showed such a load. Says whether the advertised hints have changed. O(hints).
 */
export function advertise(fleet: Fleet, replica: Replica, hints: readonly string[] | null, cameAtMs = Infinity): boolean {
  // News of the answer takes a moment, and in that moment a list may have come that was made after the answer.
  const isDenied = (shownAtMs: number) => shownAtMs - LIMITS.newsMs < cameAtMs;
  if (hints !== null) dropUnreported(fleet, replica, (hint, shownAtMs) => isDenied(shownAtMs) || hints.includes(hint));
  const before = replica.advertised;
  if (sameSet(before, hints)) return false;
  const after = hints === null ? null : new Map(hints.map((hint) => [hint, usedAtMs(replica, hint)]));
  replica.advertised = after;
  replica.advertisedHash = hashNames(after?.keys() ?? []);
  fleet.advertisedHints += (after?.size ?? 0) - (before?.size ?? 0);
  fleet.advertisedText += textOf(after?.keys()) - textOf(before?.keys());
  for (const hint of before?.keys() ?? []) loseHint(fleet, replica, hint);
  for (const hint of after?.keys() ?? []) fleet.holders.add(hint, replica);
  keepUses(replica, before);
  replica.mostHeld = Math.max(replica.mostHeld, after?.size ?? 0);
  return true;
}

/** A request used the hint on the replica. O(1); O(hints) once in `usesSpare` uses of hints that the replica does not come to hold. */
export function noteUse(replica: Replica, hint: string, now: number): void {
  const { advertised, usedAtMs: others, unreported, loading, users } = replica;
  if (advertised?.has(hint)) advertised.set(hint, now);
  else {
    if (others.size >= unreported.size + loading.size + users.size + LIMITS.usesSpare) keepUses(replica, null);
    replica.usedAtMs.set(hint, now);
  }
}

/**
 * Keeps of the hints that the replica does not advertise only the last uses of those that it holds or loads, or that a request uses. `before`: what it advertised
 * until now. The map is made anew, because a map that was larger keeps its size. O(hints).
 */
function keepUses(replica: Replica, before: ReadonlyMap<string, number> | null): void {
  const { advertised, usedAtMs: others } = replica;
  replica.usedAtMs = new LazyMap();
  for (const hints of [hintsOf(replica), replica.users.keys()]) {
    for (const hint of hints) {
      const usedMs = before?.get(hint) ?? others.get(hint) ?? -Infinity;
      if (usedMs > -Infinity && advertised?.has(hint) !== true) replica.usedAtMs.set(hint, usedMs);
    }
  }
}

/** The replica starts to load the hint for the grant, and counts as warm for the hint until `untilMs` at most. */
export function startLoading(fleet: Fleet, grant: Grant, hint: string, untilMs: number): void {
  grant.replica.loading.set(hint, { grantId: grant.id, untilMs });
  fleet.loads.set(grant, untilMs);
  fleet.holders.add(hint, grant.replica);
}

/** The replica is advised to load the hint, and counts as warm for the hint until `untilMs` at most. It will not evict the hint before older ones. */
export function startAdvisedLoad(fleet: Fleet, replica: Replica, hint: string, untilMs: number, now: number): void {
  replica.loading.set(hint, { grantId: null, untilMs });
  fleet.holders.add(hint, replica);
  noteUse(replica, hint, now);
}

/** Ends the loads that the replica was advised to make and that its list shows to be over, or that were believed for long enough. O(loads in progress). */
export function endAdvisedLoads(fleet: Fleet, replica: Replica, now: number): void {
  if (replica.unheeded !== null && holdsHint(replica, replica.unheeded)) replica.unheeded = null;
  for (const [hint, { grantId, untilMs }] of replica.loading) {
    const isLoaded = holdsHint(replica, hint);
    if (grantId !== null || (untilMs > now && !isLoaded)) continue;
    if (!isLoaded) replica.unheeded = hint;
    replica.loading.delete(hint);
    unindexHint(fleet, replica, hint);
  }
}

/** The load that the grant started is over. `loadedAtMs`: when a successful answer showed that the hint is loaded; null: none did. */
export function stopLoading(fleet: Fleet, grant: Grant, loadedAtMs: number | null): void {
  const { hint, replica } = grant;
  fleet.loads.delete(grant);
  const load = hint === null ? undefined : replica.loading.get(hint);
  if (hint === null || load === undefined) return;
  // The end of a request that waited for an advised load says nothing of the load, unless it is a success.
  const isOver = load.grantId === null ? loadedAtMs !== null : load.grantId === grant.id;
  if (!isOver) return;
  if (loadedAtMs !== null) {
    if (!holdsHint(replica, hint)) {
      replica.unreported.set(hint, loadedAtMs);
      countUnreported(fleet, replica);
    }
    const [oldest] = replica.unreported.keys();
    const isFull = fleet.unreportedHints > LIMITS.unreportedHintsPerApp;
    if (isFull || replica.unreported.size > (replica.hintSlots ?? LIMITS.hintsPerReplica))
      dropUnreported(fleet, replica, (other) => other === oldest);
  }
  replica.loading.delete(hint);
  unindexHint(fleet, replica, hint);
}

function dropUnreported(fleet: Fleet, replica: Replica, drops: (hint: string, shownAtMs: number) => boolean): void {
  for (const [hint, shownAtMs] of replica.unreported) {
    if (!drops(hint, shownAtMs)) continue;
    replica.unreported.delete(hint);
    countUnreported(fleet, replica);
    loseHint(fleet, replica, hint);
  }
}

/** A replica that has left counts for nothing. */
function countUnreported(fleet: Fleet, replica: Replica, held = fleet.replicas.get(replica.id) === replica): void {
  const count = held ? replica.unreported.size : 0;
  fleet.unreportedHints += count - replica.countedUnreported;
  replica.countedUnreported = count;
}

/** Drops loads that were believed for too long. A replica that has left keeps its loads. O(log n) for each. */
export function purgeLoading(fleet: Fleet, now: number): void {
  for (const { id, replica, hint } of fleet.loads.takeUntil(now)) {
    if (hint === null || replica.loading.get(hint)?.grantId !== id || fleet.replicas.get(replica.id) !== replica) continue;
    replica.loading.delete(hint);
    unindexHint(fleet, replica, hint);
  }
}

/** Takes a replica that leaves out of every index. Its record keeps its grants and loads, because the replica may return. */
export function unindexReplica(fleet: Fleet, replica: Replica): void {
  advertise(fleet, replica, null);
  dropUnreported(fleet, replica, () => true);
  countUnreported(fleet, replica, false);
  fleet.withholding.delete(replica);
  replica.withheld = 0;
  if (fleet.byOrigin.get(replica.origin) === replica) fleet.byOrigin.delete(replica.origin);
  for (const hint of replica.loading.keys()) fleet.holders.delete(hint, replica);
  countSlots(fleet, replica, 0, 0);
  fleet.free.delete(replica);
  replica.isFree = false;
  fleet.busy.delete(replica);
  fleet.ready.delete(replica);
  fleet.expiring.delete(replica);
  fleet.unhealthy.delete(replica);
  addErrors(fleet, replica, -1);
}

/** Puts a replica that joins into the indexes, with what its record holds if it was in the fleet before. */
export function indexReplica(fleet: Fleet, replica: Replica): void {
  for (const hints of [replica.loading, replica.unreported]) {
    for (const hint of hints.keys()) fleet.holders.add(hint, replica);
  }
  for (const { grantId, untilMs } of replica.loading.values()) {
    const grant = grantId === null ? undefined : replica.grants.get(grantId);
    if (grant !== undefined) fleet.loads.set(grant, untilMs);
  }
  countUnreported(fleet, replica);
  if (replica.ejectedFor !== null) fleet.unhealthy.add(replica);
  addErrors(fleet, replica, 1);
}

function addErrors({ errors }: Fleet, replica: Replica, sign: 1 | -1): void {
  errors.sum += sign * replica.errors.sum;
  errors.weight += sign * replica.errors.weight;
}

/** The replica may hold the hint no more. */
function loseHint(fleet: Fleet, replica: Replica, hint: string): void {
  unindexHint(fleet, replica, hint);
  if (fleet.holders.count(hint) === 0) fleet.lost.add(hint);
}

function unindexHint(fleet: Fleet, replica: Replica, hint: string): void {
  if (holdsHint(replica, hint) || replica.loading.has(hint)) return;
  fleet.holders.delete(hint, replica);
}

function sameSet(before: ReadonlyMap<string, number> | null, after: readonly string[] | null): boolean {
  if (before === null || after === null) return before === after;
  return before.size === after.length && after.every((hint) => before.has(hint));
}

function textOf(hints: Iterable<string> | null | undefined): number {
  let length = 0;
  for (const hint of hints ?? []) length += hint.length;
  return length;
}
