// What an administrator sees of a decision: what would become of a request that arrived now, and the candidates it is decided among. Changes nothing,
// but that slots which were withheld for long enough are free again.
import type { Fleet } from "../routing/ledger/fleet.ts";
import { leave, type Arrival } from "../routing/ledger/queue.ts";
import {
  evictedBy,
  hintSpace,
  inFlight,
  isReady,
  isWarm,
  loadOf,
  type HintSpace,
  type Replica,
} from "../routing/ledger/replica.ts";
import { endWithheld } from "../routing/ledger/residency.ts";
import { LIMITS } from "../routing/limits.ts";
import { loadMs } from "../routing/model/model.ts";
import { freeInMs } from "../routing/policy/availability-forecast.ts";
import { eligibleFor, eligibleToLoad, isServing, type Eligible } from "../routing/policy/candidates.ts";
import type { Refusal, WaitingOptions } from "../routing/refusals.ts";
import { hashName, ranked } from "../routing/rendezvous.ts";
import { choiceOf, consider, type Choice, type Scheduler, type Verdict } from "../routing/scheduler.ts";
import { round } from "./round.ts";

export interface CandidateView {
  readonly replica: string;
  /** Place in the hash order of the first hint, the owner being 1. */
  readonly hash_rank: number;
  /** The hint it is warm for, the most preferred of those that it is not passed over for; null: cold. */
  readonly warm_for: string | null;
  readonly in_flight: number;
  readonly concurrency: number;
  readonly hint_room: HintSpace;
  /** Why it can't be chosen now; null: it can. */
  readonly passed_over: "starting" | "draining" | "ejected" | "probation" | "hint_failed" | "full" | null;
  /** Until it is no longer passed over because it failed the hint; 0: it is not. */
  readonly hint_failed_for_ms: number;
  /** Whether the decision names it. */
  readonly chosen: boolean;
  /** Until it is expected to have a free slot, seconds. */
  readonly wait_s: number;
  /** Until the hint is expected to be loaded there, seconds. */
  readonly load_s: number;
  /** The hint that it would evict for the load; null: it has space, needs no load, or all that it holds is in use. */
  readonly evicts: string | null;
  /** What it would lose by the load, in seconds of expected loads of what it evicts. */
  readonly eviction_s: number;
  /** What choosing it would cost the request and the hint it evicts, seconds: the three together. */
  readonly cost_s: number;
  /** What others would miss of it meanwhile, in the same measure; this weighs too where the hint would be loaded. */
  readonly occupation_s: number;
}

export interface Explanation {
  readonly hints: readonly string[];
  readonly decision:
    | { readonly outcome: "grant"; readonly replica: string; readonly reason: Choice["reason"]; readonly warm: boolean }
    /** Both null where no slot is free; else the expected wait for a warm replica, and the longest that is better than a load. */
    | { readonly outcome: "wait"; readonly expected_wait_s: number | null; readonly worth_waiting_s: number | null }
    | { readonly outcome: "refuse"; readonly error_type: Refusal["kind"] };
  readonly waiting: number;
  /** Free ones first, by what they cost and occupy, then in hash order; at most 100. */
  readonly candidates: readonly CandidateView[];
  readonly candidates_total: number;
}

/** The id of the request that is only asked about: no request has it. */
const NOBODY = -1;

/** The decision for a request with these hints that arrived now: the policy is asked as for a real one. O(n log n) in replicas. */
export function explain(scheduler: Scheduler, options: WaitingOptions, hints: readonly string[], now: number): Explanation {
  const { fleet, queue } = scheduler;
  const arrival: Arrival = {
    ...{ hints, avoid: [], arrivedAtMs: now, deadlineMs: Infinity, queueLengthMax: null, declaredMs: null },
    priority: "normal",
  };
  endWithheld(fleet, now);
  const verdict = consider(scheduler, options, NOBODY, arrival, null, now);
  leave(queue, NOBODY);
  const chosen = verdict.kind === "send" ? verdict.send.replica : null;
  const eligible = eligibleFor(fleet, arrival, now);
  const [first] = hints;
  const able = first === undefined ? eligible : eligibleToLoad(fleet, first, eligible, now);
  const order = ranked(hashName(hints[0] ?? ""), fleet.replicas.values());
  const candidates = order.map((replica, place): CandidateView => {
    const serves = hints.find((hint) => isServing(fleet, replica, hint, now));
    const warmFor = serves ?? hints.find((hint) => isWarm(replica, hint, now)) ?? null;
    const failedHint = warmFor ?? hints[0];
    const barredUntilMs = failedHint === undefined ? 0 : fleet.hintFailures.barredUntilMs(replica, failedHint, now);
    const costs = costsOf(scheduler, replica, warmFor === null ? (hints[0] ?? null) : null, now);
    return {
      replica: replica.id,
      hash_rank: place + 1,
      warm_for: warmFor,
      in_flight: inFlight(replica),
      concurrency: replica.concurrency,
      hint_room: hintSpace(replica),
      passed_over: passedOver(replica, eligible, serves === undefined && !able(replica), now),
      hint_failed_for_ms: Math.max(0, barredUntilMs - now),
      chosen: replica === chosen,
      ...costs,
      cost_s: round(costs.wait_s + costs.load_s + costs.eviction_s),
    };
  });
  const late = (candidate: CandidateView) => (candidate.passed_over === null ? 0 : 1);
  const all = (candidate: CandidateView) => candidate.cost_s + candidate.occupation_s;
  candidates.sort((a, b) => late(a) - late(b) || all(a) - all(b) || a.hash_rank - b.hash_rank);
  return {
    hints,
    decision: decisionOf(fleet, verdict, now),
    waiting: queue.waiting.size,
    candidates: candidates.slice(0, LIMITS.candidatesExplained),
    candidates_total: candidates.length,
  };
}

/** `cold`: the hint that the replica would have to load; null: none. */
function costsOf(scheduler: Scheduler, replica: Replica, cold: string | null, now: number) {
  const waitMs = loadOf(replica) < replica.concurrency ? 0 : freeInMs(replica, now);
  const weight = cold === null ? null : scheduler.policy.weigh(scheduler, replica);
  return {
    wait_s: round(waitMs / 1000),
    load_s: cold === null ? 0 : round(loadMs(scheduler.model, cold) / 1000),
    evicts: cold === null ? null : evictedBy(replica),
    eviction_s: round((weight?.evictionMs ?? 0) / 1000),
    occupation_s: round((weight?.occupationMs ?? 0) / 1000),
  };
}

function decisionOf(fleet: Fleet, verdict: Verdict, now: number): Explanation["decision"] {
  switch (verdict.kind) {
    case "send": {
      const { replica, reason, warm } = choiceOf(fleet, verdict.send, now);
      return { outcome: "grant", replica: replica.id, reason, warm };
    }
    case "wait": {
      const { hold } = verdict;
      return {
        outcome: "wait",
        expected_wait_s: hold && round(hold.expectedMs / 1000),
        worth_waiting_s: hold && round(hold.worthMs / 1000),
      };
    }
    case "refuse":
      return { outcome: "refuse", error_type: verdict.refusal.kind };
  }
}

function passedOver(replica: Replica, eligible: Eligible, barred: boolean, now: number): CandidateView["passed_over"] {
  if (replica.status === "starting") return "starting";
  if (!isReady(replica)) return "draining";
  if (!eligible(replica)) return replica.ejectedUntilMs > now ? "ejected" : "probation";
  if (barred) return "hint_failed";
  return loadOf(replica) >= replica.concurrency ? "full" : null;
}
