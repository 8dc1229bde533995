// The reference model of what failures do: replicas that are passed over, tried with one request at a time, and trusted again; and how many
// retries a fleet has.
import type { Failure } from "../../../src/routing/health/outcome.ts";
import { failsHint } from "./hint-failures.ts";
import {
  hasSlot,
  loadOn,
  readyMembers,
  slotsOf,
  withheldBy,
  type Debt,
  type Process,
  type Running,
  type State,
} from "./state.ts";

/** So many in a row eject, by the last of them. */
const IN_A_ROW = {
  unreachable: 1,
  unavailable: 2,
  declined: Infinity,
  disconnected: 3,
  timed_out: 3,
  broken: 3,
  error: 5,
} as const;

/** The replica failed the request. */
export function fails(state: State, run: Running, failure: Failure, now: number): void {
  const { process } = run;
  state.counters.failed[failure.kind]++;
  run.failed = true;
  process.loads = process.loads.filter((load) => load.request !== run.id);
  process.lastError = { kind: failure.kind, detail: failure.detail ?? "", atMs: now };
  if (!hasSlot(state, run)) state.note("a failure of a request whose slot was taken back");
  if (["error", "timed_out", "disconnected"].includes(failure.kind)) failsHint(state, run, now);
  if (failure.kind === "declined") {
    state.note(failure.forHint ? "declined, maybe for the hint" : "declined, whatever the hint");
    if (failure.forHint) failsHint(state, run, now);
  }
  if (state.members.get(process.id) !== process) return state.note("a failure of a process that had left");
  if (failure.kind === "error") process.answers = [...process.answers, true];
  if (failure.kind === "unavailable" || failure.kind === "declined") withholds(state, process, failure.retryAfterMs, now);
  // What was sent before the last ejection, or fails while it lasts, is the fault that is known already.
  if (run.grantedAtMs <= process.ejectedAtMs || now < process.ejectedUntilMs) {
    return state.note("a failure that ejected nobody");
  }
  const { kind } = failure;
  // It is a word on the request alone.
  if (kind === "declined") return;
  if (kind === "unavailable") {
    const together = !process.onProbation && run.grantedAtMs <= process.refusedAtMs;
    process.refusedAtMs = now;
    if (together) return state.note("answers 503 that came together were one");
    if (process.failuresInARow > 0) state.note("an answer 503 after another failure");
    process.refusalsInARow++;
  } else {
    if (process.refusalsInARow > 0) state.note("another failure after an answer 503");
    process.refusalsInARow = 0;
    process.failuresInARow++;
  }
  let needed: number = process.onProbation ? 1 : IN_A_ROW[kind];
  // One request ejects at most two replicas at once: that it fails on more may be its own fault.
  if (run.failedBefore >= 2) {
    if (needed < 3) state.note("a failure of a request that had failed twice");
    needed = Math.max(3, needed);
  }
  const inARow = kind === "unavailable" ? process.refusalsInARow : process.failuresInARow;
  if (!isEnough(state, process, kind, inARow >= needed)) return state.note("a failure that ejected nobody");
  if (inARow < needed) state.note("ejected: errors often");
  state.note(process.onProbation ? `ejected on probation: ${kind}` : `ejected: ${kind}`);
  if (needed >= 3) state.note("ejected: so many in a row");
  ejects(state, process, failure, now);
}

/** Errors are weighed: many in a row do not count where the others err as often, and few do where the others err much less. */
function isEnough(state: State, process: Process, kind: Failure["kind"], inARow: boolean): boolean {
  if (kind !== "error" || process.onProbation) return inARow;
  const others = errorsOf(othersThan(state, process));
  const elsewhereToo = others.samples >= 10 && others.share * 3 > errorsOf([process]).share;
  if (inARow && !elsewhereToo) return true;
  if (inARow) state.note("errors in a row, and elsewhere too");
  return errsOften(state, process);
}

/** A slot more counts as taken, for as long as it asks, within 1 s to 10 s. */
function withholds(state: State, process: Process, askedMs: number | null, now: number): void {
  const before = withheldBy(process, now);
  const forMs = Math.min(10_000, Math.max(1000, askedMs ?? 0));
  process.withheld = Math.min(process.concurrency, before + 1);
  process.withheldUntilMs = Math.max(before === 0 ? 0 : process.withheldUntilMs, now + forMs);
  state.note(before === 0 ? "a slot was withheld" : "another slot was withheld");
}

/** The share of errors of its last about 20 answers, once there are 10: each further one counts for a twentieth. */
function errorsOf(processes: readonly Process[]): { readonly share: number; readonly samples: number } {
  let [errors, samples] = [0, 0];
  for (const { answers } of processes) {
    let its = 0;
    for (const [index, error] of answers.entries()) its = (index < 20 ? its : its * (1 - 1 / 20)) + Number(error);
    errors += its;
    samples += Math.min(20, answers.length);
  }
  return { share: samples === 0 ? 0 : errors / samples, samples };
}

function othersThan(state: State, process: Process): Process[] {
  return [...state.members.values()].filter((other) => other !== process);
}

/** A quarter of its answers at least, and the others' share is a third of its own at most. */
function errsOften(state: State, process: Process): boolean {
  const its = errorsOf([process]);
  const others = errorsOf(othersThan(state, process));
  if (its.samples < 10 || its.share < 0.25 || others.samples < 10) return false;
  if (others.share * 3 <= its.share) return true;
  state.note("errors often, and elsewhere too");
  return false;
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
  process.refusalsInARow = 0;
}

/**
 * It has answered, so it can be reached; which says nothing where it was ejected because its answers break off, and where it was for errors
 * only a success does.
 */
export function trustsAnswer(state: State, process: Process, succeeded: boolean): void {
  if (process.refusalsInARow > 0) state.note("an answer after an answer 503");
  process.refusalsInARow = 0;
  if (succeeded) process.answers = [...process.answers, false];
  if (!process.onProbation) return;
  if (process.ejectedFor === "broken") return state.note("an answer that ended no ejection");
  if (process.ejectedFor === "error" && !succeeded)
    return state.note("an answer that was no success ended no ejection for errors");
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
  const grows = process.ejectedFor === "error" && errsOften(state, process);
  if (grows) state.note("readmitted, and the next ejection is longer all the same");
  else if (process.ejections > 1) state.note("trust ended the growth of ejections");
  if (!grows) process.ejections = 0;
  process.ejectedFor = null;
  process.ejectedUntilMs = 0;
  process.onProbation = false;
  process.probe = null;
}

function isIneligible(process: Process, now: number): boolean {
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
  const sound = open.filter((process) => !isIneligible(process, now));
  if (open.some((process) => isProbed(process, now) && process.ejectedUntilMs <= now)) state.note("one probe at a time");
  if (sound.length === 0) {
    if (open.length > 0) state.note("all others were passed over");
    return open;
  }
  // More than two thirds look bad: likely it is not they, and nobody waits for that.
  const unhealthy = ready.filter((process) => process.onProbation);
  if (unhealthy.length * 3 <= ready.length * 2) return sound;
  if (sound.some((process) => loadOn(state, process, now) < process.concurrency)) return sound;
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
