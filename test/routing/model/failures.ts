// The reference model of what failures do: replicas that are passed over, tried with one request at a time, and trusted again; and how many
// retries a fleet has.
import type { Failure } from "../../../src/routing/ejection.ts";
import { loadOn, readyMembers, slotsOf, type Process, type Running, type State } from "./state.ts";

/** The replica failed the request. */
export function fails(state: State, run: Running, failure: Failure, now: number): void {
  const { process } = run;
  state.counters.failed[failure.kind]++;
  run.failed = true;
  process.loads = process.loads.filter((load) => load.request !== run.id);
  if (state.members.get(process.id) !== process) return state.note("a failure of a process that had left");
  // What was sent before the last ejection, or fails while it lasts, is the fault that is known already.
  if (run.grantedAtMs <= process.ejectedAtMs || now < process.ejectedUntilMs) {
    return state.note("a failure that ejected nobody");
  }
  // One request ejects at most two replicas at once: that it fails on more may be its own fault.
  const atOnce = failure.kind === "unreachable" || failure.kind === "unavailable";
  if (atOnce && run.failedBefore < 2) {
    state.note(`ejected: ${failure.kind}`);
    return ejects(state, process, failure.kind === "unavailable" ? failure.retryAfterMs : null, now);
  }
  if (atOnce) state.note("a failure of a request that had failed twice");
  process.failuresInARow++;
  if (process.failuresInARow < 3) return state.note("a failure that ejected nobody");
  state.note("ejected: three in a row");
  ejects(state, process, null, now);
}

/** For 10 s, doubled each time without an answer between, up to 5 minutes; or for as long as it asks, 1 s to 5 minutes. */
function ejects(state: State, process: Process, askedMs: number | null, now: number): void {
  state.counters.ejected++;
  let forMs = 10_000;
  for (let time = 0; time < process.ejections; time++) forMs *= 2;
  if (askedMs === null) process.ejections++;
  else {
    state.note("ejected: asked for a time");
    forMs = Math.max(1000, askedMs);
  }
  if (forMs >= 300_000) state.note("ejected for the most");
  process.ejectedAtMs = now;
  process.ejectedUntilMs = now + Math.min(300_000, forMs);
  process.onProbation = true;
  process.probe = null;
  process.failuresInARow = 0;
}

/** It has answered, so it can be reached. */
export function readmits(state: State, process: Process): void {
  if (process.onProbation) state.note("readmitted");
  if (process.ejections > 1) state.note("an answer ended the growth of ejections");
  process.ejections = 0;
  process.ejectedUntilMs = 0;
  process.onProbation = false;
  process.probe = null;
}

function isPassedOver(process: Process, now: number): boolean {
  return process.ejectedUntilMs > now || process.probe !== null;
}

/** Replicas that a request may be sent to now, free or not. */
export function usable(state: State, avoid: readonly string[], now: number): Process[] {
  const ready = readyMembers(state);
  const open = ready.filter((process) => !avoid.includes(process.id));
  const sound = open.filter((process) => !isPassedOver(process, now));
  if (open.some((process) => process.probe !== null && process.ejectedUntilMs <= now)) state.note("one probe at a time");
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

/** Five requests earn a retry. */
export function earnsRetry(state: State): void {
  state.debtMs = Math.max(0, state.debtMs - 200);
}

/** A second earns a retry; what can be owed is one for each slot, or twenty. */
export function spendsRetry(state: State, now: number): boolean {
  state.debtMs = Math.max(0, state.debtMs - (now - state.debtAtMs));
  state.debtAtMs = now;
  const most = 1000 * Math.max(20, slotsOf(state));
  if (state.debtMs + 1000 > most) return false;
  state.debtMs += 1000;
  return true;
}
