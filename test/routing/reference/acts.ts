// Everything that can happen to a fleet, done to the real one and to the reference model alike; what the real one tells is checked by the
// model. The commands are made of these.
import { expect } from "vitest";
import type { AnswerKind, Failure } from "../../../src/routing/health/outcome.ts";
import type { Heartbeat } from "../../../src/routing/ledger/report.ts";
import type { EnqueueResult } from "../../../src/routing/scheduler.ts";
import { agrees } from "./agreement.ts";
import { fails, letsIn, usable } from "./failures.ts";
import { serves } from "./hint-failures.ts";
import { adopts, deletes, expires, hears, restarts } from "./membership.ts";
import type { FleetObject } from "./object.ts";
import { answers, arrives, believesList, ends, endsAnswer, isCold, joins, takes, wentWellBefore } from "./requests.ts";
import { dispatches } from "./dispatch.ts";
import { requestOf, timeToLiveMs, type Request, type State, type Ticket } from "./state.ts";

/** The timer fires when it is due, each time it is, until then; `late`: once, and only then. */
export function passes(state: State, real: FleetObject, ms: number, late = false): void {
  const untilMs = real.nowMs + ms;
  if (late) real.nowMs = untilMs;
  let inOneMoment = 0;
  while (real.wakesAtMs <= untilMs) {
    const atMs = Math.max(real.nowMs, real.wakesAtMs);
    inOneMoment = atMs > real.nowMs ? 0 : inOneMoment + 1;
    // The timer must not run in circles.
    expect(inOneMoment).toBeLessThan(5);
    real.nowMs = atMs;
    const { expired, lost, told } = real.wake();
    const sorted = (ids: readonly (string | number)[]) => ids.map(String).toSorted();
    const due = expires(state, real.nowMs);
    expect([sorted(expired), sorted(lost)]).toEqual([sorted(due.expired), sorted(due.lost)]);
    dispatches(state, told, real.nowMs);
    agrees(state, real);
  }
  real.nowMs = untilMs;
}

/** `heldUpMs`: how long ago the heartbeat reached the router. */
export function beats(state: State, real: FleetObject, beat: Heartbeat, heldUpMs = 0): void {
  const expected = hears(state, beat, real.nowMs, real.nowMs - heldUpMs);
  const { outcome, told } = real.heartbeat(beat, heldUpMs);
  if (outcome.kind !== "accepted") expect(outcome).toEqual(expected);
  else expect({ ...outcome, stored: undefined }).toEqual(expected);
  if (outcome.kind === "stale" || outcome.kind === "origin_taken") expect(told).toBeNull();
  else dispatches(state, told, real.nowMs);
}

/** Every replica says again what it said last. `uncounted`: how many of the requests that it serves it does not count; null: it does not say. */
export function allBeat(state: State, real: FleetObject, uncounted: number | null, heldUpMs = 0): void {
  for (const process of [...state.members.values()]) {
    const { id, incarnation, origin, status, concurrency, hintSlots } = process;
    const used = state.used.get(id);
    if (used === undefined) continue;
    const hints = process.reportsHints ? process.hints : null;
    const serves = [...state.tickets, ...state.lost].filter((one) => one.replica === id && one.incarnation === incarnation);
    const inFlight = uncounted === null ? null : Math.max(0, serves.length - uncounted);
    const said = { origin, incarnation, hints, hintSlots, concurrency, inFlight, status };
    beats(state, real, { app: "any-model", replica: id, sequence: ++used.sequence, ...said }, heldUpMs);
  }
}

/** Time passes while every replica beats. */
export function passesBeating(state: State, real: FleetObject, ms: number): void {
  const untilMs = real.nowMs + ms;
  while (real.nowMs < untilMs) {
    passes(state, real, Math.min(5000, untilMs - real.nowMs));
    allBeat(state, real, null);
  }
}

/** Gives the request's id and what became of it at once. */
export function comes(
  state: State,
  real: FleetObject,
  request: Request,
): { readonly id: number; readonly result: EnqueueResult } {
  const now = real.nowMs;
  const verdict = arrives(state, request, now);
  const { id, result, loadUntilMs, tellOthers } = real.enqueue(request);
  const turnedAway = result.kind === "refused" && result.refusal.kind !== "no_retry_left";
  if (turnedAway)
    state.note(request.avoid.length > 0 ? "a retry that was refused cost nothing" : "an arrival that was refused earned nothing");
  else expect(letsIn(state, state.debt, request.avoid, now)).toBe(result.kind !== "refused");
  switch (result.kind) {
    case "waiting":
      expect([verdict.grant === "must", verdict.else]).toEqual([false, null]);
      joins(state, id, request, verdict.grant === "may" ? now : -Infinity);
      break;
    case "refused": {
      const { refusal } = result;
      if (refusal.kind === "no_retry_left") {
        // It would be granted a slot, or wait.
        expect(verdict.grant !== "no" || verdict.else === null).toBe(true);
        state.counters.refused[refusal.kind]++;
        state.note("refused: no_retry_left");
        break;
      }
      // Where it may wait for a warm replica beside a free one, and may not wait, it is refused.
      expect(verdict.grant === "no" || (verdict.grant === "may" && refusal.kind === "queue_full")).toBe(true);
      expect(refusal.kind).toBe(verdict.else?.kind);
      const { retryAfterMs, why } = verdict.else ?? {};
      if ("retryAfterMs" in refusal) expect(refusal.retryAfterMs).toBeCloseTo(retryAfterMs ?? -1, 6);
      state.counters.refused[refusal.kind]++;
      state.note(`refused: ${refusal.kind}`);
      if (why !== undefined)
        state.note(
          why === "low" ? "refused: queue_full for low" : `refused: queue_full by ${why === "client" ? "the client" : why}`,
        );
      break;
    }
    case "granted": {
      const { reason } = result;
      const warm = !isCold(reason);
      expect(verdict.grant).not.toBe("no");
      const hinted = request.hints.length > 0;
      expect(hinted ? ["hint_match", "hash_owner", "hash_spill"] : ["least_loaded"]).toContain(reason);
      state.note(!hinted ? "granted without a hint" : warm ? "granted warm at once" : "granted cold at once");
      takes(state, request, result, loadUntilMs, now);
      dispatches(state, tellOthers(), now);
    }
  }
  return { id, result };
}

export function isAnswered(
  state: State,
  real: FleetObject,
  id: number,
  inBand: readonly string[] | null,
  kind: AnswerKind = "success",
  streams = false,
): void {
  const run = requestOf(state, id);
  if (run !== undefined) answers(state, run, { kind, hints: inBand, streams }, real.nowMs);
  dispatches(state, real.answered(id, { kind, hints: inBand, streams }), real.nowMs);
}

export function isFailed(state: State, real: FleetObject, id: number, failure: Failure, inBand: readonly string[] | null): void {
  const run = requestOf(state, id);
  if (run !== undefined) {
    fails(state, run, failure, real.nowMs);
    believesList(state, run.process, inBand, real.nowMs);
  }
  dispatches(state, real.failed(id, failure, inBand), real.nowMs);
}

export function isEnded(state: State, real: FleetObject, id: number, whole: boolean): void {
  const run = requestOf(state, id);
  if (run !== undefined) endsAnswer(state, run, whole);
  dispatches(state, real.ended(id, whole), real.nowMs);
}

/** Its answer begins, and comes whole. */
export function isServed(state: State, real: FleetObject, id: number, inBand: readonly string[] | null): void {
  isAnswered(state, real, id, inBand);
  isEnded(state, real, id, true);
}

export function isOver(state: State, real: FleetObject, id: number): void {
  ends(state, id, real.nowMs);
  dispatches(state, real.finished(id), real.nowMs);
  state.ended.push(id);
}

export function isOverAgain(state: State, real: FleetObject, id: number): void {
  dispatches(state, real.finished(id), real.nowMs);
  state.note("ended twice");
}

/** Its edge tells at the end that it went well; `after`: the slot was given back before. */
export function isSaidToBeWell(state: State, real: FleetObject, id: number, after: boolean): void {
  const [answeredAfterMs, heldMs] = [700, 900];
  if (after) isOver(state, real, id);
  const run = requestOf(state, id);
  const unjudged = state.unjudged.find((its) => its.id === id);
  if (run !== undefined) {
    answers(state, run, { kind: "success", hints: null }, real.nowMs);
    endsAnswer(state, run, true);
    ends(state, id, real.nowMs);
    state.ended.push(id);
  } else if (unjudged !== undefined) wentWellBefore(state, unjudged, answeredAfterMs, heldMs);
  dispatches(state, real.succeeded({ id, answeredAfterMs, heldMs }), real.nowMs);
}

/** A request that takes no slot. */
export function isChosen(state: State, real: FleetObject, hints: readonly string[], avoid: readonly string[]): void {
  const candidates = usable(state, avoid, real.nowMs);
  const may = candidates.length > 0 && letsIn(state, state.slotlessDebt, avoid, real.nowMs);
  const choice = real.choose({ hints, avoid });
  expect(choice !== null).toBe(may);
  state.note(may ? "chosen without a slot" : candidates.length > 0 ? "no retry left without a slot" : "nobody to choose");
  if (choice === null) return;
  const servers = (hint: string) => candidates.filter((candidate) => serves(state, candidate, hint, real.nowMs));
  const found = hints.find((hint) => servers(hint).length > 0);
  const fitting = found === undefined ? candidates : servers(found);
  expect(fitting.map(({ id }) => id)).toContain(choice.replica.id);
  expect(choice.hint).toBe(found ?? hints[0] ?? null);
}

export function isDrained(state: State, real: FleetObject, id: string, drained: boolean): void {
  const process = state.members.get(id);
  if (process !== undefined && process.drained !== drained) {
    process.drained = drained;
    process.graceUntilMs = real.nowMs + timeToLiveMs(state, state.members.size);
  }
  const known = real.drain(id, drained);
  expect(known !== null).toBe(process !== undefined);
  if (known !== null) dispatches(state, known.told, real.nowMs);
}

export function isDeleted(state: State, real: FleetObject, id: string): void {
  const process = state.members.get(id);
  if (process !== undefined) deletes(state, process, real.nowMs);
  const known = real.remove(id);
  expect(known !== null).toBe(process !== undefined);
  if (known !== null) dispatches(state, known.told, real.nowMs);
}

export function restart(state: State, real: FleetObject): void {
  real.restart();
  restarts(state, real.nowMs);
}

/** A request that still runs claims its slot. */
export function claims(state: State, real: FleetObject, ticket: Ticket): void {
  state.lost = state.lost.filter((other) => other !== ticket);
  const id = real.adopt(ticket);
  expect(adopts(state, id ?? 0, ticket)).toBe(id !== null);
}

/** A request that waited comes again, in its old place. */
export function asksAgain(state: State, real: FleetObject, request: Request): void {
  state.asking = state.asking.filter((other) => other !== request);
  if (request.deadlineMs > real.nowMs) comes(state, real, request);
}
