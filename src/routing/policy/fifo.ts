// Late binding in order of arrival, the policy that an operator can predict without reading code. Whenever a slot is free, of the requests of high
// priority, else of the normal ones, else of the low ones:
//   1. the oldest that has used up half of its time gets it, warm or not;
//   2. else the oldest that is warm on a free replica;
//   3. else the oldest that should not wait for a warm replica loads, on the replica that used its least recently used hint longest ago;
//   4. else the slot stays free.
// A request should wait if the replicas that hold its hint are expected to serve those ahead of it sooner than a load takes. With half of its time
// used up a normal request counts as high and a low one as normal, so that none starves.
import type { RequestClass, Waiting } from "../ledger/queue.ts";
import { evictedBy, isReady, mustEvict, usedAtMs, type Replica } from "../ledger/replica.ts";
import { LIMITS } from "../limits.ts";
import { loadMs, serviceMs } from "../model/model.ts";
import { eligibleFor, eligibleToLoad, inHashOrder, isServing, warmPlace, type Eligible, type Place } from "./candidates.ts";
import type { AffinityWait } from "./cost.ts";
import { byArrival } from "./order.ts";
import type { Hold, Pick, Policy, Send, View } from "./policy.ts";

/** The share of its time after which a request waits for nothing. */
const PATIENT_SHARE = 0.5;

export function fifoPolicy(affinityWait: AffinityWait = "auto"): Policy {
  return {
    pick(view, classes, now) {
      const inOrder = [...classes].sort((a, b) => byArrival(a.waiting[0], b.waiting[0]));
      let held: Hold | null = null;
      for (const rank of [0, 1, 2]) {
        const group = inOrder.filter(({ waiting: [head] }) => head !== undefined && rankOf(head, now) === rank);
        const pick = pickOf(view, group, affinityWait, now);
        if (pick?.kind === "send") return pick;
        held ??= pick;
      }
      return held;
    },
    weigh: () => ({ evictionMs: 0, occupationMs: 0 }),
  };
}

function isImpatient({ arrivedAtMs, deadlineMs }: Waiting, now: number): boolean {
  return now >= arrivedAtMs + PATIENT_SHARE * (deadlineMs - arrivedAtMs);
}

/** 0 is first. */
function rankOf(request: Waiting, now: number): number {
  const rank = { high: 0, normal: 1, low: 2 }[request.priority];
  return isImpatient(request, now) ? Math.max(0, rank - 1) : rank;
}

/** Of classes that are equally urgent, in order of arrival. */
function pickOf(view: View, group: readonly RequestClass[], affinityWait: AffinityWait, now: number): Pick {
  const hasTime = ({ waiting: [head] }: RequestClass) => head !== undefined && !isImpatient(head, now);
  for (const its of group.filter((other) => !hasTime(other))) {
    const pick = pickWarm(view, its, now) ?? pickCold(view, its, "never", now);
    if (pick !== null) return pick;
  }
  for (const its of group) {
    const pick = pickWarm(view, its, now);
    if (pick !== null) return pick;
  }
  let held: Pick = null;
  for (const its of group.slice(0, LIMITS.classesAsked)) {
    const pick = pickCold(view, its, affinityWait, now);
    if (pick?.kind === "send") return pick;
    held ??= pick;
  }
  return held;
}

function pickWarm(view: View, its: RequestClass, now: number): Send | null {
  const [request] = its.waiting;
  const place = request && warmPlace(view.fleet, its, eligibleFor(view.fleet, its, now), now);
  return request && place ? { kind: "send", request, ...place } : null;
}

/** What the oldest of a class does that finds nobody warm and free. */
function pickCold(view: View, its: RequestClass, affinityWait: AffinityWait, now: number): Send | Hold | null {
  const [request] = its.waiting;
  const [hint] = its.hints;
  if (request === undefined || hint === undefined) return null;
  const eligible = eligibleFor(view.fleet, its, now);
  const place = placeToLoad(view, hint, eligibleToLoad(view.fleet, hint, eligible, now));
  if (place === null) return null;
  const worthMs = loadMs(view.model, hint);
  const expectedMs = expectedWaitMs(view, its, hint, eligible, now);
  if (affinityWait === "never" || expectedMs >= worthMs) return { kind: "send", request, ...place };
  return { kind: "hold", lookAgainAtMs: now + LIMITS.lookAgainMs, expectedMs, worthMs };
}

/** Those ahead and half a service, shared by the slots that hold the hint. Infinity: none does. */
function expectedWaitMs(view: View, { waiting }: RequestClass, hint: string, eligible: Eligible, now: number): number {
  let slots = 0;
  for (const holder of view.fleet.holders.of(hint)) {
    if (isReady(holder) && isServing(view.fleet, holder, hint, now) && eligible(holder)) slots += holder.concurrency;
  }
  return slots === 0 ? Infinity : ((waiting.length - 0.5) * serviceMs(view.model, hint)) / slots;
}

/** A free replica with space for one more hint, else the one that used its least recently used hint longest ago; ties in hash order. */
function placeToLoad({ fleet }: View, hint: string, eligible: Eligible): Place | null {
  let oldestMs = Infinity;
  let equals: Replica[] = [];
  for (const replica of fleet.free) {
    if (!eligible(replica)) continue;
    const usedMs = lastUseMs(replica);
    if (usedMs > oldestMs) continue;
    if (usedMs < oldestMs) equals = [];
    oldestMs = usedMs;
    equals.push(replica);
  }
  const replica = inHashOrder(equals, hint);
  return replica && { replica, hint };
}

/** When the replica used what it would evict; -Infinity: it has space, or that is not known; Infinity: all that it holds is in use. */
function lastUseMs(replica: Replica): number {
  if (!mustEvict(replica)) return -Infinity;
  const hint = evictedBy(replica);
  return hint === null ? Infinity : usedAtMs(replica, hint);
}
