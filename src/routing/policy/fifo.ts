// Late binding in order of arrival, the policy that an operator can predict without reading code. Whenever a slot is free:
//   1. the oldest request that is warm on a free replica gets it;
//   2. else the oldest that should not wait for a warm replica is loaded, on the replica that used its least recently used hint longest ago;
//   3. else the slot stays free.
// A request should wait if the replicas that hold its hint are expected to serve those ahead of it sooner than a load takes. A request of high
// priority is older than all others, one of low priority is younger. A request that has used up half of its time waits for nothing.
import type { RequestClass, Waiting } from "../ledger/queue.ts";
import { hintSpace, hintsOf, isReady, type Replica } from "../ledger/replica.ts";
import { LIMITS } from "../limits.ts";
import { loadMs, serviceMs } from "../model/model.ts";
import { eligibleFor, eligibleToLoad, inHashOrder, isServing, warmPlace, type Eligible, type WarmPlace } from "./candidates.ts";
import type { AffinityWait } from "./cost.ts";
import type { Hold, Pick, Policy, View } from "./policy.ts";

const PRIORITY_RANK: Readonly<Record<Waiting["priority"], number>> = { high: 0, normal: 1, low: 2 };

/** The share of its time after which a request takes any slot. */
const PATIENT_SHARE = 0.5;

export function fifoPolicy(affinityWait: AffinityWait = "auto"): Policy {
  return {
    pick(view, classes, now) {
      const inOrder = [...classes].sort((a, b) => compare(a.waiting[0], b.waiting[0]));
      for (const its of inOrder) {
        const [request] = its.waiting;
        const place = request && warmPlace(view.fleet, its, eligibleFor(view.fleet, its, now), now);
        if (request && place) return { kind: "send", request, ...place };
      }
      let held: Hold | null = null;
      for (const its of inOrder.slice(0, LIMITS.classesAsked)) {
        const pick: Pick = pickCold(view, its, affinityWait, now);
        if (pick?.kind === "send") return pick;
        held ??= pick;
      }
      return held;
    },
    weigh: (_, replica) => ({
      evicts: mustEvict(replica) ? leastRecentlyUsed(replica).hint : null,
      evictionMs: 0,
      occupationMs: 0,
    }),
  };
}

function compare(one: Waiting | undefined, other: Waiting | undefined): number {
  if (one === undefined || other === undefined) return 0;
  return PRIORITY_RANK[one.priority] - PRIORITY_RANK[other.priority] || one.arrivedAtMs - other.arrivedAtMs || one.id - other.id;
}

/** What the oldest of a class does that finds nobody warm and free. */
function pickCold(view: View, its: RequestClass, affinityWait: AffinityWait, now: number): Pick {
  const [request] = its.waiting;
  const [hint] = its.hints;
  if (request === undefined || hint === undefined) return null;
  const eligible = eligibleFor(view.fleet, its, now);
  const place = placeToLoad(view, hint, eligibleToLoad(view.fleet, hint, eligible, now));
  if (place === null) return null;
  const { arrivedAtMs, deadlineMs } = request;
  const isPatient = affinityWait === "auto" && now < arrivedAtMs + PATIENT_SHARE * (deadlineMs - arrivedAtMs);
  const worthMs = loadMs(view.model, hint);
  const expectedMs = expectedWaitMs(view, its, hint, eligible, now);
  if (!isPatient || expectedMs >= worthMs) return { kind: "send", request, ...place };
  return { kind: "hold", lookAgainAtMs: now + LIMITS.lookAgainMs, expectedMs, worthMs };
}

/** Those ahead and half a service, shared by the slots that hold the hint. Infinity: none does. */
function expectedWaitMs(view: View, { waiting }: RequestClass, hint: string, eligible: Eligible, now: number): number {
  let slots = 0;
  for (const holder of view.fleet.holders.get(hint) ?? []) {
    if (isReady(holder) && isServing(view.fleet, holder, hint, now) && eligible(holder)) slots += holder.concurrency;
  }
  return slots === 0 ? Infinity : ((waiting.length - 0.5) * serviceMs(view.model, hint)) / slots;
}

/** A free replica with space for one more hint, else the one that used its least recently used hint longest ago; ties in hash order. */
function placeToLoad({ fleet }: View, hint: string, eligible: Eligible): WarmPlace | null {
  let oldestMs = Infinity;
  let equals: Replica[] = [];
  for (const replica of fleet.free) {
    if (!eligible(replica)) continue;
    const usedMs = mustEvict(replica) ? leastRecentlyUsed(replica).atMs : -Infinity;
    if (usedMs > oldestMs) continue;
    if (usedMs < oldestMs) equals = [];
    oldestMs = usedMs;
    equals.push(replica);
  }
  const replica = inHashOrder(equals, hint);
  return replica && { replica, hint };
}

function mustEvict(replica: Replica): boolean {
  return hintSpace(replica) === "full";
}

/** Of the hints not in use; `atMs`: when it was used, -Infinity if that is not known, Infinity if all are in use. */
function leastRecentlyUsed(replica: Replica): { readonly hint: string | null; readonly atMs: number } {
  let least: { readonly hint: string | null; readonly atMs: number } = { hint: null, atMs: Infinity };
  for (const hint of hintsOf(replica)) {
    const atMs = replica.usedAtMs.get(hint) ?? -Infinity;
    if (atMs < least.atMs && !replica.users.has(hint) && !replica.loading.has(hint)) least = { hint, atMs };
  }
  return least;
}
