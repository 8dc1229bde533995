// The reference model of what failures do: replicas that are passed over, tried with one request at a time, and trusted again; and how many
// retries a fleet has.
import type { Failure } from "../../../src/routing/outcome.ts";
import { hasSlot, loadOn, readyMembers, slotsOf, type Debt, type Process, type Running, type State } from "./state.ts";

/** The replica failed the request. */
export function fails(state: State, run: Running, failure: Failure, now: number): void {
  const { process } = run;
  state.counters.failed[failure.kind]++;
  run.failed = true;
  process.loads = process.loads.filter((load) => load.request !== run.id);
  if (!hasSlot(state, run)) state.note("a failure of a request whose slot was taken back");
  if (state.members.get(process.id) !== process) return state.note("a failure of a process that had left");
  // What was sent before the last ejection, or fails while it lasts, is the fault that is known already.
  if (run.grantedAtMs <= process.ejectedAtMs || now < process.ejectedUntilMs) {
    return state.note("a failure that ejected nobody");
  }
  // One request ejects at most two replicas at once: that it fails on more may be its own fault.
  const { kind } = failure;
  const atOnce = kind === "unreachable" || kind === "unavailable";
  if (process.onProbation && run.failedBefore < 2) {
    state.note(`ejected on probation: ${kind}`);
    return ejects(state, process, failure, now);
  }
  if (atOnce && run.failedBefore < 2) {
    state.note(`ejected: ${kind}`);
    return ejects(state, process, failure, now);
  }
  if (atOnce || process.onProbation) state.note("a failure of a request that had failed twice");
  process.failuresInARow++;
  if (process.failuresInARow < 3) return state.note("a failure that ejected nobody");
  state.note("ejected: three in a row");
  ejects(state, process, failure, now);
}

/** For 10 s, doubled each time without trust between, up to 5 minutes; or for as long as it asks, if that is less, but no less than 1 s. */
function ejects(state: State, process: Process, failure: Failure, now: number): void {
  state.counters.ejected++;
  let forMs = 10_000;
  for (let time = 0; time < process.ejections; time++) forMs *= 2;
  forMs = Math.min(300_000, forMs);
  if (forMs === 300_000) state.note("ejected for the most");
  const askedMs = failure.kind === "unavailable" ? failure.retryAfterMs : null;
  if (askedMs !== null && askedMs <= forMs) {
    state.note("ejected: asked for a time");
    forMs = Math.max(1000, askedMs);
  } else {
    if (askedMs !== null) state.note("ejected: asked for too long a time");
    process.ejections++;
  }
  process.ejectedAtMs = now;
  process.ejectedUntilMs = now + forMs;
  process.ejectedFor = failure.kind;
  process.onProbation = true;
  process.probe = null;
  process.failuresInARow = 0;
}

/** It has answered, so it can be reached; which says nothing where it was ejected because its answers break off. */
export function trustsAnswer(state: State, process: Process): void {
  if (process.onProbation && process.ejectedFor === "broken") return state.note("an answer that ended no ejection");
  readmits(state, process);
}

/** An answer came whole. What was sent before an ejection says nothing of what came after. */
export function trustsWhole(state: State, { process, grantedAtMs }: Running): void {
  if (!process.onProbation) return;
  if (grantedAtMs <= process.ejectedAtMs) return state.note("a whole answer that ended no ejection");
  state.note("readmitted with a whole answer");
  readmits(state, process);
}

function readmits(state: State, process: Process): void {
  if (process.onProbation) state.note("readmitted");
  if (process.ejections > 1) state.note("trust ended the growth of ejections");
  process.ejections = 0;
  process.ejectedUntilMs = 0;
  process.onProbation = false;
  process.probe = null;
}

function isPassedOver(process: Process, now: number): boolean {
  return process.ejectedUntilMs > now || isProbed(process, now);
}

function isProbed({ probe }: Process, now: number): boolean {
  return probe !== null && now < probe.untilMs;
}

/** A request is sent to a process on probation: while there is no other it keeps others away, for 5 minutes, or 10 s from its answer on. */
export function probes(state: State, { id, process }: Running, now: number): void {
  if (!process.onProbation || isProbed(process, now)) return;
  if (process.probe !== null) state.note("a probe that kept nobody away any more");
  process.probe = { id, untilMs: now + 300_000 };
}

export function probeIsAnswered({ id, process }: Running, now: number): void {
  if (process.probe?.id === id) process.probe.untilMs = Math.min(process.probe.untilMs, now + 10_000);
}

/** Replicas that a request may be sent to now, free or not. */
export function usable(state: State, avoid: readonly string[], now: number): Process[] {
  const ready = readyMembers(state);
  const open = ready.filter((process) => !avoid.includes(process.id));
  const sound = open.filter((process) => !isPassedOver(process, now));
  if (open.some((process) => isProbed(process, now) && process.ejectedUntilMs <= now)) state.note("one probe at a time");
  if (sound.length === 0) {
    if (open.length > 0) state.note("all others were passed over");
    return open;
  }
  // More than two thirds look bad: likely it is not they, and nobody waits for that.
  const suspects = ready.filter((process) => process.onProbation);
  if (suspects.length * 3 <= ready.length * 2) return sound;
  if (sound.some((process) => loadOn(state, process) < process.concurrency)) return sound;
  state.note("looks deceived");
  return open;
}

/**
 * Whether a request may be let in. Five that are let in earn a retry, and so does a second; what can be owed is one for each slot, or twenty.
 */
export function letsIn(state: State, debt: Debt, avoid: readonly string[], now: number): boolean {
  if (avoid.length === 0) {
    debt.ms = Math.max(0, debt.ms - 200);
    return true;
  }
  debt.ms = Math.max(0, debt.ms - (now - debt.atMs));
  debt.atMs = now;
  const most = 1000 * Math.max(20, slotsOf(state));
  if (debt.ms + 1000 > most) return false;
  debt.ms += 1000;
  return true;
}
