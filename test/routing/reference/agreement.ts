// Compares everything that the reference model knows with everything that can be seen of the real fleet.
import { expect } from "vitest";
import { viewReplica, type ReplicaView } from "../../../src/views/replica.ts";
import { explain, type CandidateView } from "../../../src/views/explain.ts";
import type { Fleet } from "../../../src/routing/ledger/fleet.ts";
import type { Replica } from "../../../src/routing/ledger/replica.ts";
import { isLost } from "../../../src/routing/ledger/slots.ts";
import { nextEventMs } from "../../../src/routing/scheduler.ts";
import { queueViolations, violations } from "../support/invariants.ts";
import { usable } from "./failures.ts";
import { misled } from "./lives.ts";
import { leftWith, rowOf } from "./membership.ts";
import type { FleetObject } from "./object.ts";
import { barsOf } from "./hint-failures.ts";
import { graceEndsAtMs } from "./requests.ts";
import { inFlightOn, isReady, loadOn, runningOn, slotsOf, unansweredOn, withheldBy, type Process, type State } from "./state.ts";

/** For which it is compared who is passed over. */
const HINTS = ["v", "w", "x", "y", "often"];

/** Throws where the two differ. */
export function agrees(state: State, real: FleetObject): void {
  const [due, held] = [pictureOf(state, real.nowMs), realPictureOf(real)];
  // The text is compared first: it is quicker by far, and nearly always the same.
  if (JSON.stringify(held) !== JSON.stringify(due)) expect(held).toEqual(due);
  const { fleet, queue } = real.scheduler;
  const wrong = [...violations(fleet, real.nowMs), ...queueViolations(queue), ...misled(real.scheduler)];
  if (wrong.length > 0) throw new Error(wrong.join("; "));
  const dueMs = happensNextAtMs(state, real.nowMs);
  const [nextMs, wakesAtMs] = [nextEventMs(real.scheduler), real.wakesAtMs];
  if (nextMs > dueMs || wakesAtMs > dueMs) throw new Error(`next at ${nextMs}, wakes at ${wakesAtMs}; due at ${dueMs}`);
}

function pictureOf(state: State, now: number): unknown {
  const members = [...state.members.values()].toSorted(byId);
  const { granted, refused, failed, left, reclaimed, ejected } = state.counters;
  return {
    replicas: members.map((process) => ({
      ...viewOf(state, process, now),
      running: runningOn(state, process)
        .map(({ id }) => id)
        .toSorted(byNumber),
      unadopted: process.unadopted,
      passed_over: whyPassedOver(state, process, now),
    })),
    stored: members.map(rowOf),
    running: state.running.map(({ id }) => id).toSorted(byNumber),
    waiting: state.waiting.map(({ id }) => id).toSorted(byNumber),
    high: state.waiting.filter(({ priority }) => priority === "high").length,
    low: state.waiting.filter(({ priority }) => priority === "low").length,
    bars: barsOf(state, HINTS, now).toSorted(),
    lost: lostOf(state),
    slots: slotsOf(state),
    ready: members.filter(isReady).map(({ id, origin, concurrency }) => ({ id, origin, concurrency })),
    counters: { granted, refused, failed, left, reclaimed, ejected },
  };
}

function realPictureOf({ scheduler, options, stored, nowMs }: FleetObject): unknown {
  const { candidates } = explain(scheduler, options, [], nowMs);
  const { fleet, queue, counters } = scheduler;
  const { hash_owner, hash_spill, hint_match, hint_wait, least_loaded } = counters.granted;
  const { refused, failed, left, reclaimed, ejected } = counters;
  const granted = { hint_match, hint_wait, cold: hash_owner + hash_spill, least_loaded };
  return {
    replicas: [...fleet.replicas.values()].toSorted(byId).map((replica) => {
      const view = viewReplica(replica, nowMs);
      const [hints, loading] = [view.hints && view.hints.toSorted(), view.loading.toSorted()];
      const { passed_over } = candidates.find((candidate) => candidate.replica === replica.id) ?? {};
      return { ...view, hints, loading, running: ids(replica.grants), unadopted: replica.unadopted, passed_over };
    }),
    stored: [...stored.values()].toSorted(byId).map((row) => ({ ...row, hints: row.hints && row.hints.toSorted() })),
    running: ids(fleet.grants),
    waiting: ids(queue.waiting),
    high: queue.count.high,
    low: queue.count.low,
    bars: readyOf(fleet)
      .flatMap((replica) => HINTS.map((hint) => `${hint} ${replica.id} ${barredForMs(fleet, replica, hint, nowMs)}`))
      .toSorted(),
    lost: [...fleet.grants.values(), ...fleet.reclaimed.values()]
      .filter((grant) => isLost(grant))
      .map(({ id }) => id)
      .toSorted(byNumber),
    slots: fleet.slots,
    ready: readyOf(fleet)
      .map(({ id, origin, concurrency }) => ({ id, origin, concurrency }))
      .toSorted(byId),
    counters: { granted, refused, failed, left, reclaimed, ejected },
  };
}

function readyOf({ free, busy }: Fleet): readonly Replica[] {
  return [...free, ...busy];
}

function barredForMs({ hintFailures }: Fleet, replica: Replica, hint: string, now: number): number {
  return Math.max(0, hintFailures.barredUntilMs(replica, hint, now) - now);
}

/** Requests whose answers had not begun when their processes were silent for too long, or had left so long ago, and have not come back since. */
function lostOf(state: State): number[] {
  const lost = [...state.running, ...state.slotless].filter(({ answered, process }) => answered === null && process.lost);
  return lost.map(({ id }) => id).toSorted(byNumber);
}

/** When something happens next by itself that somebody would notice. */
function happensNextAtMs(state: State, now: number): number {
  const times = [...state.members.values()].map(({ expiresAtMs }) => expiresAtMs);
  for (const process of leftWith(state)) if (unansweredOn(state, process).length > 0) times.push(process.lostAtMs ?? Infinity);
  if (state.waiting.length === 0) return Math.min(...times);
  for (const { deadlineMs } of state.waiting) times.push(deadlineMs);
  for (const { ejectedUntilMs } of state.members.values()) if (ejectedUntilMs > now) times.push(ejectedUntilMs);
  if (state.recoveringUntilMs > 0) times.push(state.recoveringUntilMs);
  for (const process of state.members.values()) if (withheldBy(process, now) > 0) times.push(process.withheldUntilMs);
  times.push(graceEndsAtMs(state));
  return Math.min(...times);
}

/** Why a request without hints can't be sent to it now; null: it can. */
function whyPassedOver(state: State, process: Process, now: number): CandidateView["passed_over"] {
  if (process.status === "starting") return "starting";
  if (!isReady(process)) return "draining";
  if (!usable(state, [], now).includes(process)) return process.ejectedUntilMs > now ? "ejected" : "probation";
  return loadOn(state, process, now) < process.concurrency ? null : "full";
}

function viewOf(state: State, process: Process, now: number): ReplicaView {
  const loading = process.loads.filter(({ untilMs }) => untilMs > now).map(({ hint }) => hint);
  return {
    replica: process.id,
    origin: process.origin,
    incarnation: process.incarnation,
    sequence: process.sequence,
    status: process.status,
    drained: process.drained,
    hints: process.hints && process.hints.toSorted(),
    loading: loading.toSorted(),
    hint_slots: process.hintSlots,
    hints_held: new Set([...(process.hints ?? []), ...[...process.unreported, ...process.loads].map(({ hint }) => hint)]).size,
    concurrency: process.concurrency,
    in_flight: inFlightOn(state, process),
    served: process.served,
    expires_in_ms: Math.max(0, process.expiresAtMs - now),
    ejected_for_ms: Math.max(0, process.ejectedUntilMs - now),
    ejections: process.ejections,
    on_probation: process.onProbation,
    last_error: lastErrorOf(process, now),
  };
}

function lastErrorOf({ lastError }: Process, now: number): ReplicaView["last_error"] {
  return lastError && { kind: lastError.kind, detail: lastError.detail, ago_ms: Math.max(0, now - lastError.atMs) };
}

function ids(map: { readonly keys: () => Iterable<number> }): number[] {
  return [...map.keys()].toSorted(byNumber);
}

const byNumber = (a: number, b: number) => a - b;
const byId = (a: { readonly id: string }, b: { readonly id: string }) => (a.id < b.id ? -1 : 1);
