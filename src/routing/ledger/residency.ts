// What replicas hold, and the indexes of it: lists as they are advertised, loads in progress, and for each hint the replicas that hold it.
// Keeps the totals that the limits of a fleet are about. Decides nothing.
import { type Fleet } from "./fleet.ts";
import { hintsOf, holdsHint, isReady, loadOf, type Grant, type Replica } from "./replica.ts";
import { drop, put } from "./index-by.ts";
import { LIMITS } from "../limits.ts";

/** Puts the replica in or out of the indexes of free ones, as its status and load say. Called after every change of either. O(hints). */
export function reindexSlots(fleet: Fleet, replica: Replica): void {
  const known = fleet.replicas.get(replica.id) === replica;
  const slots = known && isReady(replica) ? replica.concurrency : 0;
  countSlots(fleet, replica, slots);
  const free = loadOf(replica) < slots;
  if (slots > 0 && !free) fleet.busy.add(replica);
  else fleet.busy.delete(replica);
  const was = fleet.free.has(replica);
  if (free) fleet.free.add(replica);
  else fleet.free.delete(replica);
  if (free === was) return;
  for (const hint of hintsOf(replica)) {
    if (free) put(fleet.freeHolders, hint, replica);
    else drop(fleet.freeHolders, hint, replica);
  }
}

function countSlots(fleet: Fleet, replica: Replica, slots: number): void {
  fleet.slots += slots - replica.countedSlots;
  replica.countedSlots = slots;
}

/** Whether the list fits the fleet's limits in place of the replica's present one. Changes nothing. */
export function admitsHints(fleet: Fleet, replica: Replica | null, hints: readonly string[] | null): boolean {
  const present = replica?.advertised ?? null;
  const count = fleet.advertisedHints - (present?.size ?? 0) + (hints?.length ?? 0);
  const text = fleet.advertisedText - textOf(present) + textOf(hints);
  return count <= LIMITS.hintsPerApp && text <= LIMITS.hintTextPerApp;
}

/** One more of its slots counts as taken, until then at least; it has refused a request. O(hints). */
export function withholdSlot(fleet: Fleet, replica: Replica, untilMs: number): void {
  replica.withheld = Math.min(replica.withheld + 1, replica.concurrency);
  replica.withheldUntilMs = Math.max(replica.withheldUntilMs, untilMs);
  fleet.withholding.add(replica);
  reindexSlots(fleet, replica);
}

/** Slots that were withheld for long enough are free again. O(replicas that withhold any). */
export function endWithheld(fleet: Fleet, now: number): void {
  for (const replica of fleet.withholding) {
    if (replica.withheldUntilMs > now) continue;
    fleet.withholding.delete(replica);
    replica.withheld = 0;
    reindexSlots(fleet, replica);
  }
}

/**
 * Replaces what the replica advertises. What it loaded and has not reported yet is believed against a list that was made before the answer that
 * showed it, which is a list that came before that. `cameAtMs`: when the list did. Says whether the set changed. O(hints).
 */
export function advertise(fleet: Fleet, replica: Replica, hints: readonly string[] | null, cameAtMs = Infinity): boolean {
  // News of the answer may have taken a moment, in which a list that was made after the answer came.
  const isDenied = (shownAtMs: number) => shownAtMs - LIMITS.newsMs < cameAtMs;
  if (hints !== null) dropUnreported(fleet, replica, (hint, shownAtMs) => isDenied(shownAtMs) || hints.includes(hint));
  const before = replica.advertised;
  if (sameSet(before, hints)) return false;
  const after = hints === null ? null : new Set(hints);
  replica.advertised = after;
  fleet.advertisedHints += (after?.size ?? 0) - (before?.size ?? 0);
  fleet.advertisedText += textOf(after) - textOf(before);
  for (const hint of before ?? []) unindexHint(fleet, replica, hint);
  for (const hint of after ?? []) indexHint(fleet, replica, hint);
  replica.mostHeld = Math.max(replica.mostHeld, after?.size ?? 0);
  return true;
}

/** A request used the hint there; what was used longest ago is forgotten where that is more than a replica can hold. O(1). */
export function noteUse(replica: Replica, hint: string, now: number): void {
  replica.usedAtMs.delete(hint);
  replica.usedAtMs.set(hint, now);
  const [oldest] = replica.usedAtMs.keys();
  if (replica.usedAtMs.size > LIMITS.hintsPerReplica && oldest !== undefined) replica.usedAtMs.delete(oldest);
}

/** The replica starts to load the hint for a grant, and counts as warm for it at most until then. */
export function startLoading(fleet: Fleet, grant: Grant, hint: string, untilMs: number): void {
  grant.replica.loading.set(hint, { grantId: grant.id, untilMs });
  indexHint(fleet, grant.replica, hint);
}

/** The load that this grant started is over. `loadedAtMs`: a successful answer showed that then; null: none did. */
export function stopLoading(fleet: Fleet, grant: Grant, loadedAtMs: number | null): void {
  const { hint, replica } = grant;
  if (hint === null || replica.loading.get(hint)?.grantId !== grant.id) return;
  if (loadedAtMs !== null) {
    if (!holdsHint(replica, hint)) replica.unreported.set(hint, loadedAtMs);
    const [oldest] = replica.unreported.keys();
    if (replica.unreported.size > (replica.hintSlots ?? LIMITS.hintsPerReplica))
      dropUnreported(fleet, replica, (other) => other === oldest);
  }
  replica.loading.delete(hint);
  unindexHint(fleet, replica, hint);
}

function dropUnreported(fleet: Fleet, replica: Replica, drops: (hint: string, shownAtMs: number) => boolean): void {
  for (const [hint, shownAtMs] of replica.unreported) {
    if (!drops(hint, shownAtMs)) continue;
    replica.unreported.delete(hint);
    unindexHint(fleet, replica, hint);
  }
}

/** Drops loads that were believed for too long. O(loads). */
export function purgeLoading(fleet: Fleet, replica: Replica, now: number): void {
  for (const [hint, loading] of replica.loading) {
    if (loading.untilMs > now) continue;
    replica.loading.delete(hint);
    unindexHint(fleet, replica, hint);
  }
}

/** Takes a departing replica out of every index. Its record keeps its grants and loads, for the case that it returns. */
export function unindexReplica(fleet: Fleet, replica: Replica): void {
  advertise(fleet, replica, null);
  dropUnreported(fleet, replica, () => true);
  fleet.withholding.delete(replica);
  replica.withheld = 0;
  if (fleet.byOrigin.get(replica.origin) === replica) fleet.byOrigin.delete(replica.origin);
  for (const hint of replica.loading.keys()) dropHolder(fleet, replica, hint);
  countSlots(fleet, replica, 0);
  fleet.free.delete(replica);
  fleet.busy.delete(replica);
  fleet.unhealthy.delete(replica);
}

/** Puts a replica that joins into the indexes with what its record still holds from before, if it was there before. */
export function indexReplica(fleet: Fleet, replica: Replica): void {
  for (const hints of [replica.loading, replica.unreported]) {
    for (const hint of hints.keys()) indexHint(fleet, replica, hint);
  }
  if (replica.ejectedFor !== null) fleet.unhealthy.add(replica);
}

function indexHint(fleet: Fleet, replica: Replica, hint: string): void {
  put(fleet.holders, hint, replica);
  if (fleet.free.has(replica)) put(fleet.freeHolders, hint, replica);
}

function unindexHint(fleet: Fleet, replica: Replica, hint: string): void {
  if (holdsHint(replica, hint) || replica.loading.has(hint)) return;
  dropHolder(fleet, replica, hint);
}

function dropHolder(fleet: Fleet, replica: Replica, hint: string): void {
  drop(fleet.holders, hint, replica);
  drop(fleet.freeHolders, hint, replica);
}

function sameSet(before: ReadonlySet<string> | null, after: readonly string[] | null): boolean {
  if (before === null || after === null) return before === after;
  return before.size === after.length && after.every((hint) => before.has(hint));
}

function textOf(hints: Iterable<string> | null): number {
  let length = 0;
  for (const hint of hints ?? []) length += hint.length;
  return length;
}
