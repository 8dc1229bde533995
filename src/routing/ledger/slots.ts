// Taking and giving back a replica's slots. A grant is released exactly once; releasing one that is gone does nothing.
import {
  expectedMs,
  learnAnswer,
  learnColdService,
  learnLoad,
  learnService,
  loadMs,
  ownLoadMs,
  serviceMs,
  turnOf,
  uncountArrival,
} from "../model/estimates.ts";
import { answerProbe, beginProbe, endProbe, trustAnswer, trustWhole } from "../health/ejection.ts";
import { holdsHint, isReady, loadOf, type Fleet, type Grant, type Replica, type Warmth } from "./fleet.ts";
import { noteUse, reindexSlots, startLoading, stopLoading } from "./residency.ts";
import { LIMITS } from "../limits.ts";
import type { AnswerKind } from "../health/outcome.ts";
import { noteBusy } from "../model/utilisation.ts";

/** A request that says it runs already: granted by this object before it restarted. By the object's clock. */
export interface Claim {
  readonly replica: string;
  readonly incarnation: number;
  readonly hint: string | null;
  readonly startedAtMs: number;
  /** Its answer has begun. */
  readonly answered: boolean;
}

/** What is granted. */
export interface Taking {
  readonly replica: Replica;
  readonly hint: string | null;
  readonly warm: boolean;
  readonly eviction?: Grant["eviction"];
  readonly claimedMs?: number | null;
  readonly failures?: number;
  readonly countedAt?: number | null;
}

/** Takes a slot. A cold grant makes its replica count as warm for the hint at once, for at most 10 times what a load takes. */
export function takeSlot(fleet: Fleet, id: number, taking: Taking, now: number): Grant {
  const { replica, hint, warm, eviction = null, claimedMs = null, failures = 0, countedAt = null } = taking;
  if (!isReady(replica) || loadOf(replica) >= replica.concurrency) throw new Error(`no free slot on ${replica.id}`);
  countBusy(fleet, now);
  const warmth = warmthOf(replica, hint, warm);
  const loadingMs = hint === null ? 0 : loadMs(fleet.estimates, hint);
  const servingMs = expectedMs(fleet.estimates, hint ?? "", claimedMs);
  const grant = hold(fleet, {
    ...{ id, replica, hint, warmth, eviction, claimedMs, failures },
    expectedMs: servingMs + (warmth === "cold" || warmth === "loading" ? loadingMs : 0),
    ...{ grantedAtMs: now, countedAt, answeredAtMs: null, succeeded: false, streams: false, failed: false },
    proves: replica.ejectedFor === "broken",
  });
  replica.served++;
  beginProbe(grant, now);
  if (hint !== null && !warm)
    startLoading(fleet, grant, hint, now + LIMITS.loadTimesBelieved * Math.max(loadingMs, ownLoadMs(fleet.estimates, hint)));
  return grant;
}

/** Counts a running request again after a restart, over the concurrency if need be. Null: its replica or incarnation is gone. */
export function adoptSlot(fleet: Fleet, id: number, claim: Claim): Grant | null {
  const departed = fleet.departed.get(claim.replica);
  const replica = fleet.replicas.get(claim.replica) ?? departed?.record ?? null;
  if (replica === null || replica.incarnation !== claim.incarnation) return null;
  replica.unclaimed = Math.max(0, replica.unclaimed - 1);
  const { hint, startedAtMs, answered } = claim;
  // Its process has left meanwhile, and was not known to owe an answer.
  if (departed !== undefined && !answered && !replica.lost) fleet.orphaning.set(replica, departed.untilMs);
  return hold(fleet, {
    // Whether it had to load is not known any more, so it teaches nothing.
    ...{ id, replica, hint, warmth: "unknown", eviction: null, claimedMs: null, failures: 0 },
    expectedMs: serviceMs(fleet.estimates, hint ?? ""),
    ...{ grantedAtMs: startedAtMs, countedAt: null, answeredAtMs: answered ? startedAtMs : null, succeeded: answered },
    ...{ streams: answered, failed: false, proves: false },
  });
}

/** Requests that the replica has not begun to answer; also those whose slots were taken back. */
export function* unanswered(replica: Replica): Generator<Grant> {
  for (const grants of [replica.grants, replica.reclaimed]) {
    for (const grant of grants.values()) if (grant.answeredAtMs === null) yield grant;
  }
}

/** Whether the request waits in vain for its answer to begin: its replica's process is gone, and has not returned. */
export function isLost({ replica, answeredAtMs }: Grant): boolean {
  return answeredAtMs === null && replica.lost;
}

/** A request's grant, also one whose slot was taken back while the request goes on. */
export function grantOf({ grants, reclaimed }: Fleet, id: number): Grant | undefined {
  return grants.get(id) ?? reclaimed.get(id);
}

/** The response headers came, and the replica is reachable. Only a success shows that the hint is loaded, and how long that took. */
export function answerGrant(fleet: Fleet, grant: Grant, now: number, kind: AnswerKind = "success"): void {
  const { hint, replica } = grant;
  const succeeded = kind === "success";
  if (grant.answeredAtMs === null) {
    if (succeeded) learnFirstAnswer(fleet, grant, now - grant.grantedAtMs);
    else forgetDemand(fleet, grant);
    if (succeeded && hint !== null) fleet.hintFailures.served(replica, hint);
    if (kind === "excused" || (kind === "unsupported" && lacksHint(fleet, grant))) failHint(fleet, grant, now);
  }
  grant.answeredAtMs ??= now;
  grant.succeeded = succeeded;
  stopLoading(fleet, grant, succeeded ? now : null);
  if (kind !== "excused") trustAnswer(fleet, replica, succeeded);
  answerProbe(grant, now);
}

function learnFirstAnswer({ estimates }: Fleet, { hint, warmth }: Grant, afterMs: number): void {
  if (warmth === "cold") learnLoad(estimates, hint ?? "", afterMs);
  else if (warmth === "warm" || warmth === "none") learnAnswer(estimates, hint ?? "", afterMs);
}

/** A request that its replica did not serve is no demand for copies of its hint. */
export function forgetDemand({ estimates }: Fleet, { hint, countedAt }: Grant): void {
  if (countedAt !== null) uncountArrival(estimates, hint ?? "", countedAt);
}

/** Whether that a replica does not find what was asked for may mean the hint: it did not hold it, and another was the last to serve it. */
function lacksHint({ hintFailures }: Fleet, { replica, hint, warmth }: Grant): boolean {
  return hint !== null && warmth !== "warm" && hintFailures.isServedElsewhere(replica, hint);
}

/** The replica did not serve the hint, which may be the hint's doing. */
export function failHint(fleet: Fleet, { replica, hint, warmth, grantedAtMs }: Grant, now: number): void {
  if (hint === null) return;
  const failuresToBar = warmth === "warm" ? LIMITS.errorsToEject : LIMITS.hintFailuresToBar;
  fleet.hintFailures.failed(replica, hint, failuresToBar, grantedAtMs, now);
}

/** The answer came whole; or it broke off, and whose doing that was is not known: then it counts neither for nor against the replica. */
export function endAnswer(fleet: Fleet, grant: Grant, whole: boolean): void {
  if (whole) grant.streams = false;
  if (!whole) grant.failed = true;
  else if (wentWell(grant)) trustWhole(fleet, grant);
}

/** Whether the request was answered with a success that came whole. */
export function wentWell({ succeeded, streams, failed }: Grant): boolean {
  return succeeded && !streams && !failed;
}

/**
 * The request is over: gives the slot back and learns how long it was held, if it was answered. Of a slot that was taken back before it is
 * not known how long it was needed.
 */
export function finishGrant(fleet: Fleet, grant: Grant, now: number): void {
  const served = wentWell(grant);
  if (served) grant.replica.failuresInARow = 0;
  if (grant.hint !== null && served) noteUse(grant.replica, grant.hint, now);
  if (fleet.reclaimed.has(grant.id)) return forgetReclaimed(fleet, grant);
  if (served) learnHeld(fleet, grant, now - grant.grantedAtMs);
  countBusy(fleet, now);
  releaseSlot(fleet, grant);
  holdAgain(fleet, grant);
}

/** One that waited for another's load, or from before a restart, teaches nothing. */
function learnHeld({ estimates }: Fleet, grant: Grant, heldMs: number): void {
  const { hint, warmth, claimedMs, answeredAtMs, grantedAtMs } = grant;
  if (warmth === "warm" || warmth === "none") learnService(estimates, hint ?? "", heldMs, claimedMs);
  if (warmth === "cold") learnColdService(estimates, hint ?? "", (answeredAtMs ?? grantedAtMs) - grantedAtMs, heldMs);
}

/** Gives the slot back. */
export function releaseSlot(fleet: Fleet, grant: Grant): void {
  if (!fleet.grants.has(grant.id)) return;
  uncount(fleet, grant);
  endProbe(grant);
}

/**
 * Takes back the oldest slots whose requests were sent before a time, at most `count`, because the replica counts fewer requests. Says how many. Whose
 * requests are really over there is not known, see `holdAgain`. O(g log g) in the replica's grants.
 */
export function reclaimOldest(fleet: Fleet, replica: Replica, count: number, sentBeforeMs: number, now: number): number {
  const surplus = [...replica.grants.values()]
    .filter((grant) => grant.grantedAtMs < sentBeforeMs)
    .sort((a, b) => a.grantedAtMs - b.grantedAtMs)
    .slice(0, count);
  for (const grant of surplus) {
    uncount(fleet, grant);
    replica.reclaimed.set(grant.id, grant);
    for (const id of replica.reclaimed.keys()) {
      if (replica.reclaimed.size <= replica.concurrency) break;
      replica.reclaimed.delete(id);
    }
    fleet.reclaimed.set(grant.id, grant);
    const [oldest] = fleet.reclaimed.values();
    if (fleet.reclaimed.size > LIMITS.reclaimedPerApp && oldest !== undefined) forgetReclaimed(fleet, oldest);
  }
  if (surplus.length > 0) replica.reclaimedAtMs = now;
  return surplus.length;
}

/** A request is over whose slot had been taken back, or it is one too many to remember. */
function forgetReclaimed(fleet: Fleet, grant: Grant): void {
  fleet.reclaimed.delete(grant.id);
  grant.replica.reclaimed.delete(grant.id);
  endProbe(grant);
}

/**
 * Of the requests that were there when slots were taken back one is over: it may be the one that the replica had not counted, and the one
 * whose slot was taken may still run. So that one has its slot again, until it ends or reports show it surplus once more.
 */
function holdAgain(fleet: Fleet, { replica, grantedAtMs }: Grant): void {
  if (grantedAtMs < replica.reclaimedAtMs) holdReclaimed(fleet, replica, 1);
}

/** Slots that were taken back are held again, the oldest first, at most so many. */
export function holdReclaimed(fleet: Fleet, replica: Replica, most: number): void {
  for (const grant of [...replica.reclaimed.values()].slice(0, Math.max(0, most))) {
    fleet.reclaimed.delete(grant.id);
    replica.reclaimed.delete(grant.id);
    count(fleet, grant);
  }
}

/** What a request for the hint finds there, before it is given its slot. */
export function warmthOf(replica: Replica, hint: string | null, warm: boolean): Warmth {
  if (hint === null) return "none";
  if (replica.unreported.has(hint) || (!warm && holdsHint(replica, hint))) return "unknown";
  if (!warm) return "cold";
  return replica.loading.has(hint) && !holdsHint(replica, hint) ? "loading" : "warm";
}

function countBusy({ estimates, taken, slots }: Fleet, now: number): void {
  noteBusy(estimates.pressure, taken / Math.max(1, slots), turnOf(estimates), now);
}

function hold(fleet: Fleet, grant: Grant): Grant {
  if (grant.hint !== null) noteUse(grant.replica, grant.hint, grant.grantedAtMs);
  count(fleet, grant);
  return grant;
}

function count(fleet: Fleet, grant: Grant): void {
  const { replica, hint } = grant;
  fleet.grants.set(grant.id, grant);
  replica.grants.set(grant.id, grant);
  if (hint !== null) replica.users.set(hint, (replica.users.get(hint) ?? 0) + 1);
  reindexSlots(fleet, replica);
}

function uncount(fleet: Fleet, grant: Grant): void {
  const { replica, hint } = grant;
  fleet.grants.delete(grant.id);
  replica.grants.delete(grant.id);
  if (hint !== null) {
    const users = (replica.users.get(hint) ?? 1) - 1;
    if (users > 0) replica.users.set(hint, users);
    else replica.users.delete(hint);
  }
  stopLoading(fleet, grant, null);
  reindexSlots(fleet, replica);
}
