// The object's side of reports: the requests that isolates have sent by themselves count in the load of replicas, as demand, and as experience.
import { noteError } from "../health/ejection.ts";
import { earnRetries } from "../health/retry-budget.ts";
import { clamp } from "../model/mean.ts";
import type { Fleet } from "../ledger/fleet.ts";
import { processKey, type Grant, type Replica } from "../ledger/replica.ts";
import { isProcessLost } from "../ledger/membership.ts";
import { noteUse, reindexSlots, rerank } from "../ledger/residency.ts";
import { countUsers, UNSAID } from "../ledger/slots.ts";
import { failedBy, failHint } from "../lifecycle.ts";
import { LIMITS } from "../limits.ts";
import { countDirect, countOutcome } from "../metrics/metrics.ts";
import { countArrival, learnAnswer, learnHeld, meanServiceMs, type Model } from "../model/model.ts";
import { noteFull } from "../model/utilisation.ts";
import { hearInBand } from "../registry.ts";
import type { Scheduler } from "../scheduler.ts";
import { TUNING } from "../tuning.ts";
import type { DirectReport, ReportedFailure, ReportedPair } from "./report.ts";

/** Requests of one isolate that run: at one place of all lists, so many for one hint at one replica. Lists take less memory than objects. */
interface Shares {
  readonly replicas: Replica[];
  readonly hints: (string | null)[];
  readonly unfinished: number[];
}

interface Isolate {
  readonly sequence: number;
  readonly atMs: number;
  readonly shares: Shares;
  /** Failures of requests that run, less than 0: these requests are counted when they end. */
  readonly toldEarly: Untold;
}

/** Requests by their reason. */
type Untold = Record<"least_loaded" | "hint_match", number>;

export interface Applied {
  /** The replicas whose load may have changed. */
  readonly touched: ReadonlySet<string>;
  /** Those of which a restart must know something new. */
  readonly changed: ReadonlySet<Replica>;
  /** Processes at which requests of the isolate run by its report, and which are gone; by `processKey`. */
  readonly lost: readonly string[];
}

export class Isolates {
  /** The one that has not reported for the longest first. */
  readonly #isolates = new Map<string, Isolate>();
  #shares = 0;

  /** Isolates that are remembered. */
  get size(): number {
    return this.#isolates.size;
  }

  /** How soon an isolate should refresh its copy, and report: the more isolates, the later. */
  refreshMs(model: Model): number {
    const { refreshesPerService, refreshLeastMs, refreshMostMs, refreshesPerSecond } = LIMITS;
    const freshMs = clamp(meanServiceMs(model) / refreshesPerService, refreshLeastMs, refreshMostMs);
    return Math.max(freshMs, (1000 * this.#isolates.size) / refreshesPerSecond);
  }

  /** A report comes. One that is older than another of its isolate changes nothing. O(pairs + hints in lists), and what it forgets. */
  apply(scheduler: Scheduler, report: DirectReport, now: number): Applied {
    const { fleet, model } = scheduler;
    const touched = new Set<string>();
    const changed = new Set<Replica>();
    const before = this.#isolates.get(report.isolate);
    if (before !== undefined && before.sequence >= report.sequence) return { touched, changed, lost: [] };
    const loaded = new Set<Replica>();
    this.#forget(report.isolate, loaded);
    for (const failure of report.failures.slice(0, LIMITS.failuresPerReport)) {
      const replica = processOf(fleet, failure);
      if (replica === null) continue;
      fail(scheduler, replica, failure, now);
      touched.add(replica.id);
    }
    const pairs = report.pairs.slice(0, LIMITS.directPairsPerReport);
    const toldEarly = countUntold(scheduler, report, before ?? null);
    const shares: Shares = { replicas: [], hints: [], unfinished: [] };
    const lost: string[] = [];
    for (const pair of pairs) {
      const replica = processOf(fleet, pair);
      if (replica === null) {
        const { replica: id, incarnation, unfinished } = pair;
        if (unfinished > 0 && isProcessLost(fleet, id, incarnation, now)) lost.push(processKey(id, incarnation));
        continue;
      }
      learn(scheduler, replica, pair, now);
      rerank(fleet, replica);
      if (pair.unfinished > 0) {
        shares.replicas.push(replica);
        shares.hints.push(pair.hint);
        shares.unfinished.push(Math.min(pair.unfinished, LIMITS.concurrencyPerReplica));
      }
    }
    this.#remember(report.isolate, { sequence: report.sequence, atMs: now, shares, toldEarly }, loaded);
    this.#forgetOld(now, loaded);
    for (const replica of loaded) {
      reindexSlots(fleet, replica);
      touched.add(replica.id);
    }
    for (const [hint, requests] of report.demand.slice(0, LIMITS.directPairsPerReport)) countArrival(model, hint, requests);
    for (const { hints, agoMs, ...process } of report.lists.slice(0, LIMITS.listsPerReport)) {
      const replica = processOf(fleet, process);
      // The object may have had a later list, with another answer or in a heartbeat.
      if (replica === null || replica.listedAtMs > now - agoMs) continue;
      if (hearInBand(scheduler, replica, hints.slice(0, LIMITS.hintsPerReplica), now, now - agoMs)) changed.add(replica);
      touched.add(replica.id);
    }
    return { touched, changed, lost };
  }

  /** Isolates that have not reported for long are gone, and their requests with them. Gives the replicas whose load has changed. O(those). */
  expire(fleet: Fleet, now: number): ReadonlySet<string> {
    const loaded = new Set<Replica>();
    this.#forgetOld(now, loaded);
    for (const replica of loaded) reindexSlots(fleet, replica);
    return new Set([...loaded].map(({ id }) => id));
  }

  #forgetOld(now: number, loaded: Set<Replica>): void {
    for (const [name, { atMs }] of this.#isolates) {
      const tooMany = this.#isolates.size > LIMITS.isolatesPerApp || this.#shares > LIMITS.directPairsPerApp;
      if (!tooMany && now - atMs < LIMITS.isolateForgottenMs) return;
      this.#forget(name, loaded);
    }
  }

  #forget(name: string, loaded: Set<Replica>): void {
    const isolate = this.#isolates.get(name);
    if (isolate === undefined) return;
    this.#isolates.delete(name);
    this.#shares -= isolate.shares.replicas.length;
    count(isolate.shares, -1, loaded);
  }

  #remember(name: string, isolate: Isolate, loaded: Set<Replica>): void {
    this.#isolates.set(name, isolate);
    this.#shares += isolate.shares.replicas.length;
    count(isolate.shares, 1, loaded);
  }
}

function count({ replicas, hints, unfinished }: Shares, sign: 1 | -1, loaded: Set<Replica>): void {
  for (const [at, replica] of replicas.entries()) {
    const [hint = null, requests = 0] = [hints[at], unfinished[at]];
    replica.direct += sign * requests;
    if (hint !== null) countUsers(replica, hint, sign * requests);
    loaded.add(replica);
  }
}

/** The process that is meant; null: it has left the fleet. */
function processOf({ replicas }: Fleet, { replica: id, incarnation }: { replica: string; incarnation: number }): Replica | null {
  const replica = replicas.get(id);
  return replica?.incarnation === incarnation ? replica : null;
}

/** As each of the requests would have taught had the object sent it; of many, as many as count. They were all warm. */
function learn(scheduler: Scheduler, replica: Replica, pair: ReportedPair, now: number): void {
  const { fleet, model, retries, counters, metrics } = scheduler;
  const { hint, sent, succeeded, lastWell, answerMs, heldMs } = pair;
  replica.served += sent;
  counters.granted[reasonOf(hint)] += sent;
  countDirect(metrics, reasonOf(hint), pair);
  earnRetries(retries, sent);
  const full = fleet.busy.size / Math.max(1, fleet.busy.size + fleet.free.size);
  for (let one = 0; one < Math.min(sent, TUNING.recentMemory); one++) noteFull(model.utilisation, full);
  if (hint !== null && sent > 0) {
    noteUse(replica, hint, now);
    scheduler.announced.delete(hint);
  }
  if (succeeded === 0) return;
  const its = { replica, hint, warmth: hint === null ? "none" : "warm", declaredMs: null } as const;
  for (let one = 0; one < Math.min(succeeded, TUNING.hintMemory); one++) {
    learnAnswer(model, its, answerMs / succeeded);
    learnHeld(model, its, heldMs / succeeded);
    noteError(fleet, replica, 0);
  }
  if (!lastWell) return;
  replica.failuresInARow = 0;
  replica.refusalsInARow = 0;
  if (hint !== null) fleet.hintFailures.served(replica, hint);
}

/** As if the object had granted the request. */
function fail(
  scheduler: Scheduler,
  replica: Replica,
  { hint, failure, afterSuccess, sentAgoMs }: ReportedFailure,
  now: number,
): void {
  if (afterSuccess) {
    replica.failuresInARow = 0;
    replica.refusalsInARow = 0;
  }
  const answered = failure.kind === "broken";
  const grant: Grant = {
    ...UNSAID,
    ...{ id: NO_GRANT, replica, hint, warmth: hint === null ? "none" : "warm", reason: reasonOf(hint) },
    ...{ grantedAtMs: now - sentAgoMs, answered, failed: true },
  };
  if (failure.kind === "excused") {
    countOutcome(scheduler.metrics, grant, "excused");
    failHint(scheduler, grant, now);
  } else failedBy(scheduler, grant, failure, null, now);
}

/** Isolates send warm requests alone. */
function reasonOf(hint: string | null): "least_loaded" | "hint_match" {
  return hint === null ? "least_loaded" : "hint_match";
}

/**
 * Counts the requests that have ended since the isolate's last report, and neither went well nor failed: refused by the replica, or the client went. Gives
 * what the next report is to be compared with. O(pairs).
 */
function countUntold({ metrics }: Scheduler, report: DirectReport, before: Isolate | null): Untold {
  const untold: Untold = { least_loaded: 0, hint_match: 0, ...before?.toldEarly };
  const { hints, unfinished: running } = before?.shares ?? { hints: [], unfinished: [] };
  for (const [at, hint] of hints.entries()) untold[reasonOf(hint)] += running[at] ?? 0;
  for (const { hint, sent, unfinished, succeeded } of report.pairs) untold[reasonOf(hint)] += sent - unfinished - succeeded;
  for (const { hint } of report.failures) untold[reasonOf(hint)]--;
  // If a report was lost, the requests that it told of are missing.
  for (const reason of ["least_loaded", "hint_match"] as const) {
    metrics.requests[reason].unknown += Math.max(0, untold[reason]);
    untold[reason] = Math.min(0, untold[reason]);
  }
  return untold;
}

/** No grant has this id. */
const NO_GRANT = -1;
