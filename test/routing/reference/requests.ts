// The reference model of requests: who may be granted what, what a newcomer may be told, what the answer and the end of a request do.
// It never says which replica is best, only which are allowed.
import { expect } from "vitest";
import type { Priority } from "../../../src/routing/ledger/queue.ts";
import type { Answer } from "../../../src/routing/lifecycle.ts";
import { LIMITS } from "../../../src/routing/limits.ts";
import type { Refusal } from "../../../src/routing/refusals.ts";
import type { Choice, Outcome } from "../../../src/routing/scheduler.ts";
import { probeIsAnswered, probes, trustsAnswer, trustsWhole, usable } from "./failures.ts";
import { barredForMs, failsHint, knowsFailure, lacksHint, loadable, serves, servesHint } from "./hint-failures.ts";
import { lists } from "./lists.ts";
import {
  hasLoaded,
  hasSlot,
  holds,
  loadOn,
  readyMembers,
  requestOf,
  slotsOf,
  type Process,
  type Request,
  type Running,
  type State,
} from "./state.ts";

export type Granted = Extract<Outcome, { kind: "granted" }>;

/** Replicas that may be used for the request and have a free slot. */
export function freeFor(state: State, { avoid }: Request, now: number): Process[] {
  return usable(state, avoid, now).filter((process) => loadOn(state, process, now) < process.concurrency);
}

/** Those of them that it may be given: warm ones for the first hint that any serves, else such as may load its first hint. */
export function mayTake(state: State, request: Request, now: number): readonly Process[] {
  const free = freeFor(state, request, now);
  const [first] = request.hints;
  if (first === undefined) return free;
  const found = foundOn(state, free, request, now);
  if (found !== undefined) return free.filter((process) => serves(state, process, found, now));
  const able = loadable(state, usable(state, request.avoid, now), first, now);
  return free.filter((process) => able.includes(process));
}

/** Whether it would find what it wants on a free replica. */
export function findsWarm(state: State, request: Request, now: number): boolean {
  return request.hints.length === 0 || foundOn(state, freeFor(state, request, now), request, now) !== undefined;
}

/** The first of its hints that any of them serves. */
function foundOn(state: State, among: readonly Process[], { hints }: Request, now: number): string | undefined {
  return hints.find((hint) => among.some((process) => serves(state, process, hint, now)));
}

/** Whether a free slot must not be kept from the request: it has nothing better to wait for, or has found it. */
export function mustBeGranted(state: State, request: Request, now: number): boolean {
  if (mayTake(state, request, now).length === 0) return false;
  if (state.neverWaits || findsWarm(state, request, now)) return true;
  return foundOn(state, usable(state, request.avoid, now), request, now) === undefined;
}

/** Requests that want the same and may be served in turn. */
export function classOf({ hints, avoid, declaredMs, priority }: Request): string {
  return JSON.stringify([hints, avoid, declaredMs, priority]);
}

/**
 * What a newcomer may be told, if it is let in. `grant`: whether it must, may or can't be granted a slot. `else`: what it is told where it is
 * not.
 */
export interface Verdict {
  readonly grant: "must" | "may" | "no";
  readonly else:
    | (Pick<Refusal, "kind"> & { readonly retryAfterMs?: number; readonly why?: "low" | "client" | "prediction" })
    | null;
}

export function arrives(state: State, request: Request, now: number): Verdict {
  const isRecovering = now < state.recoveringUntilMs || (state.recoveringUntilMs > 0 && state.waiting.length > 0);
  const may = !isRecovering && mayTake(state, request, now).length > 0;
  const grant = !may ? "no" : isNext(state, request) && mustBeGranted(state, request, now) ? "must" : "may";
  if (hasTriedAll(state, request)) return { grant, else: { kind: "no_other_replica" } };
  if (!mayComeBack(state, now)) return { grant, else: { kind: "no_replicas", retryAfterMs: state.options.coldStartMs } };
  return { grant, else: fullness(state, request, now) };
}

/** Whether nobody waits who wants the same. Else one of those is next, who is sent when the scheduler looks again. */
function isNext(state: State, request: Request): boolean {
  return state.waiting.every((other) => classOf(other) !== classOf(request));
}

/** Why the queue is too long for the request; null: it is not. */
function fullness(state: State, request: Request, now: number): Verdict["else"] {
  const length = state.waiting.length;
  const { queueLengthMax } = state.options;
  const ahead = state.waiting.filter(({ priority }) => isBefore(priority, request.priority)).length;
  const predictedMs = predictsWaitMs(state, ahead);
  const full = { kind: "queue_full", retryAfterMs: Math.max(1000, predictedMs) } as const;
  if (length >= queueLengthMax) return full;
  // Half of the queue, rounded up, is for requests of low priority too.
  if (request.priority === "low" && length >= queueLengthMax / 2) return { ...full, why: "low" };
  if (request.queueLengthMax !== null && length >= request.queueLengthMax) return { ...full, why: "client" };
  return now + predictedMs > request.deadlineMs ? { ...full, why: "prediction" } : null;
}

/** Whether one that waits may be before a newcomer, by the two priorities. */
function isBefore(waits: Priority, comes: Priority): boolean {
  return comes === "low" || (comes === "normal" ? waits !== "low" : waits === "high");
}

/** The mean time a slot is held, times the requests ahead, over all ready slots; once 20 requests have finished. */
function predictsWaitMs(state: State, ahead: number): number {
  const slots = slotsOf(state);
  if (state.heldMs.length < 20 || ahead === 0 || slots === 0) return 0;
  let meanMs = 0;
  // A plain mean of the first fifty; then each counts for 2 %.
  for (const [index, heldMs] of state.heldMs.entries()) meanMs += (heldMs - meanMs) / Math.min(index + 1, 50);
  return (ahead * meanMs) / slots;
}

/** Whether the request has failed on every ready replica. */
export function hasTriedAll(state: State, { avoid }: Request): boolean {
  return avoid.length > 0 && readyMembers(state).every(({ id }) => avoid.includes(id));
}

/** Whether a replica is listed that neither drains nor is drained, or one that does, is or left could come back. */
export function mayComeBack(state: State, now: number): boolean {
  return graceEndsAtMs(state) > now;
}

export function graceEndsAtMs(state: State): number {
  const members = [...state.members.values()];
  if (members.some(({ status, drained }) => status !== "draining" && !drained)) return Infinity;
  const times = [...members.map(({ graceUntilMs }) => graceUntilMs), ...[...state.gone.values()].map(({ untilMs }) => untilMs)];
  return Math.max(0, ...times);
}

/** The request was granted a slot: checks that it may have that one, and takes it. */
export function takes(state: State, request: Request, told: Granted, loadUntilMs: number | null, now: number): void {
  const { grant, reason } = told;
  const warm = !isCold(reason);
  const { hints } = request;
  const allowed = mayTake(state, request, now);
  expect(allowed.map(({ id }) => id)).toContain(grant.replica.id);
  const process = state.members.get(grant.replica.id);
  if (process === undefined) throw new Error("allowed and not known");
  expect([grant.replica.incarnation, grant.grantedAtMs]).toEqual([process.incarnation, now]);
  const found = foundOn(state, freeFor(state, request, now), request, now);
  expect([warm, grant.hint]).toEqual([hints.length === 0 || found !== undefined, found ?? hints[0] ?? null]);
  if (warm && grant.hint !== null) expect(holds(process, grant.hint, now)).toBe(true);
  const cold = !warm;
  // What it has loaded and not reported it may have evicted, and what it is loading is not there yet.
  const wasWarm = warm && grant.hint !== null && process.hints?.includes(grant.hint) === true;
  if (warm && !wasWarm && hasLoaded(process, grant.hint ?? "")) state.note("a load that was not reported counted as warm");
  const [hint = ""] = hints;
  if (cold && loadUntilMs === null) {
    // Another was sent there in the same moment and began the load anew, because every replica is passed over for the hint.
    expect(barredForMs(state, process, hint, now)).toBeGreaterThan(0);
  } else if (cold) {
    expect(loadUntilMs).toBeGreaterThanOrEqual(now);
    const firstMs = 10 * state.options.coldStartMs;
    if (!state.loadsSeen) expect(loadUntilMs).toBe(now + firstMs);
    const others = process.loads.filter((load) => load.hint !== hint);
    process.loads = [...others, { hint, request: grant.id, untilMs: loadUntilMs ?? 0 }];
  }
  state.counters.granted[cold ? "cold" : reason] = (state.counters.granted[cold ? "cold" : reason] ?? 0) + 1;
  process.served++;
  const failedBefore = request.avoid.length;
  const run: Running = {
    ...{ id: grant.id, process, hint: grant.hint, cold, warm: wasWarm, grantedAtMs: now, failedBefore },
    ...{ answered: null, streams: false, failed: false },
  };
  state.running.push(run);
  probes(state, run, now);
  const { id: replica, incarnation } = process;
  state.tickets.push({ id: grant.id, replica, incarnation, hint: grant.hint, startedAtMs: now, answered: false });
}

/** The replica answered, with a list of what it holds where it sent one. */
export function answers(state: State, run: Running, { kind, hints: inBand, streams = false }: Answer, now: number): void {
  const { process, hint } = run;
  const succeeded = kind === "success";
  if (run.answered === null && hint !== null) {
    if (succeeded) servesHint(state, process, hint);
    if (kind === "unsupported") lacksHint(state, run, now);
    if (kind === "excused") {
      state.note("an answer that its replica excused counted for the hint");
      failsHint(state, run, now);
    }
  }
  run.answered = kind;
  run.streams = streams;
  for (const ticket of state.tickets) if (ticket.id === run.id) ticket.answered = true;
  if (run.cold && succeeded) state.loadsSeen = true;
  const load = process.loads.find(({ request }) => request === run.id);
  if (succeeded && load !== undefined && !hasLoaded(process, load.hint)) shows(state, process, load.hint, now);
  process.loads = process.loads.filter((load) => load.request !== run.id);
  if (!hasSlot(state, run)) state.note("an answer to a request whose slot was taken back");
  if (kind !== "excused") trustsAnswer(state, process, succeeded);
  probeIsAnswered(run, now);
  believesList(state, process, inBand, now);
}

/** A success shows that the hint is loaded. Of such hints a replica has no more than it can hold; the oldest is gone first. */
function shows(state: State, process: Process, hint: string, now: number): void {
  process.unreported = [...process.unreported, { hint, shownAtMs: now }];
  // Where it does not say how many it can hold, they are as many as it could list.
  if (process.unreported.length <= (process.hintSlots ?? LIMITS.hintsPerReplica)) return;
  process.unreported = process.unreported.slice(1);
  state.note("a load that was not reported was one too many");
}

/** Its answer came whole, or broke off by whose doing ever. */
export function endsAnswer(state: State, run: Running, whole: boolean): void {
  if (whole) run.streams = false;
  if (whole && wentWell(run)) trustsWhole(state, run);
  if (whole) return;
  run.failed = true;
  state.note("an answer that broke off by whose doing ever");
}

/** A success of which nothing says that it did not come whole; and where it streams, that it did. */
function wentWell({ answered, streams, failed }: Running): boolean {
  return answered === "success" && !streams && !failed;
}

export function believesList(state: State, process: Process, inBand: readonly string[] | null, now: number): void {
  if (inBand === null) return;
  const here = state.members.get(process.id) === process;
  state.note(here ? "an answer with a list" : "an answer with a list of one that had left");
  if (here) lists(state, process, inBand, now);
}

/** The request is over, or its client has gone. */
export function ends(state: State, id: number, now: number): void {
  state.tickets = state.tickets.filter((ticket) => ticket.id !== id);
  const waited = state.waiting.filter((waiting) => waiting.id === id);
  state.waiting = state.waiting.filter((waiting) => waiting.id !== id);
  if (waited.length > 0) {
    state.counters.left++;
    state.note("left the queue");
  }
  const run = requestOf(state, id);
  if (run === undefined) return;
  const { process } = run;
  const heldSlot = hasSlot(state, run);
  const well = wentWell(run);
  if (run.streams) state.note("an end of an answer of which it is not known that it came whole");
  if (well) process.failuresInARow = 0;
  forget(state, run);
  if (process.probe?.id === id) process.probe = null;
  if (!heldSlot) return state.note("an end of a request whose slot was taken back");
  if (well) state.heldMs.push(now - run.grantedAtMs);
  else if (run.answered === null && !run.failed) state.unjudged.push(run);
  // It was there when slots were taken back: maybe that one was over, and the one whose slot was taken runs on.
  const [again] = process.reclaimed;
  if (again === undefined || run.grantedAtMs >= process.reclaimedAtMs) return;
  givesBack(state, again);
  state.note("a request whose slot was taken back had it again");
}

/** An edge tells later that a request went well: this teaches, and ends an ejection that began before the answer. */
export function wentWellBefore(state: State, run: Running, answeredAfterMs: number, heldMs: number): void {
  const { process, hint } = run;
  state.unjudged = state.unjudged.filter((other) => other !== run);
  state.heldMs.push(heldMs);
  if (run.cold) state.loadsSeen = true;
  const ends = run.grantedAtMs + answeredAfterMs > process.ejectedAtMs;
  if (ends) trustsAnswer(state, process, true);
  state.note(ends ? "a success that was told later" : "a success that was told after an ejection");
  if (hint !== null && !knowsFailure(state, hint)) servesHint(state, process, hint);
}

/** Its slot is taken back, though it may go on. */
export function takesBack(state: State, run: Running): void {
  const { process } = run;
  forget(state, run);
  state.slotless.push(run);
  process.reclaimed = [...process.reclaimed, run].slice(-process.concurrency);
  if (process.probe?.id === run.id) state.note("the slot of a probe was taken back");
}

/** It has its slot again. */
export function givesBack(state: State, run: Running): void {
  forget(state, run);
  state.running.push(run);
}

function forget(state: State, run: Running): void {
  const { process } = run;
  const others = (runs: readonly Running[]) => runs.filter((other) => other !== run);
  [state.running, state.slotless, process.reclaimed] = [others(state.running), others(state.slotless), others(process.reclaimed)];
  process.loads = process.loads.filter((load) => load.request !== run.id);
}

/** `hopedAtMs`: when it was seen to have a warm replica to wait for; -Infinity: it was not. */
export function joins(state: State, id: number, request: Request, hopedAtMs: number): void {
  state.waiting.push({ ...request, id, hopedAtMs });
}

/** Whether a grant for that reason finds its hint nowhere warm and free. */
export function isCold(reason: Choice["reason"]): boolean {
  return reason === "hash_owner" || reason === "hash_spill";
}
