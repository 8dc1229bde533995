// The reference model of the end of waits: checks what the scheduler told those that wait, one by one, and that it told everybody it had to.
import { expect } from "vitest";
import type { Outcome } from "../../../src/routing/scheduler.ts";
import { usable } from "./failures.ts";
import { serves } from "./hint-failures.ts";
import { classOf, findsWarm, freeFor, isCold, mayComeBack, hasTriedAll, mayTake, mustBeGranted, takes } from "./requests.ts";
import type { State, Waiting } from "./state.ts";

/** Whether a wait beside a free slot is still worth it is looked at so often at least. */
const LOOK_AGAIN_MS = 1000;

/** What a scheduler told those that wait, and until when it believes the loads that it began for them. */
export interface Told {
  readonly outcomes: ReadonlyMap<number, Outcome>;
  readonly loadUntilMs: ReadonlyMap<number, number>;
  readonly wakesAtMs: number;
}

/** `told`: null where nobody was asked, since nobody waits. */
export function dispatches(state: State, told: Told | null, now: number): void {
  expect(told === null).toBe(state.waiting.length === 0);
  if (told === null) return;
  const refused = new Map<number, string>();
  const granted: number[] = [];
  for (const [id, outcome] of told.outcomes) {
    if (outcome.kind === "refused") refused.set(id, outcome.refusal.kind);
    else granted.push(id);
  }
  const due = new Map<number, string>();
  const refuses = (waiting: Waiting, kind: "timed_out" | "no_replicas" | "no_other_replica") => {
    due.set(waiting.id, kind);
    state.waiting = state.waiting.filter((other) => other !== waiting);
    state.counters.refused[kind]++;
    state.note(`refused: ${kind}`);
  };
  for (const waiting of state.waiting) if (waiting.deadlineMs <= now) refuses(waiting, "timed_out");
  const isRecovering = now < state.recoveringUntilMs;
  if (!isRecovering) state.recoveringUntilMs = 0;
  expect(isRecovering ? granted : []).toEqual([]);
  for (const id of granted) {
    const outcome = told.outcomes.get(id);
    const waiting = state.waiting.find((one) => one.id === id);
    if (outcome?.kind !== "granted" || waiting === undefined) throw new Error(`request ${id} was granted and does not wait`);
    expect(outcome.grant.id).toBe(id);
    const { reason } = outcome;
    const warm = !isCold(reason);
    checksOrder(state, waiting, outcome.grant.replica.id, warm, now);
    state.waiting = state.waiting.filter((other) => other !== waiting);
    takes(state, waiting, outcome, told.loadUntilMs.get(id) ?? null, now);
    expect(waiting.hints.length > 0 ? ["hint_wait", "hash_owner", "hash_spill"] : ["least_loaded"]).toContain(reason);
    if (waiting.hints.length > 0) state.note(warm ? "granted warm after waiting" : "granted cold after waiting");
  }
  if (!mayComeBack(state, now)) {
    if (state.waiting.length > 0) state.note("grace ended");
    for (const waiting of state.waiting) refuses(waiting, "no_replicas");
  }
  for (const waiting of state.waiting) if (hasTriedAll(state, waiting)) refuses(waiting, "no_other_replica");
  expect(refused).toEqual(due);
  if (isRecovering) {
    if (state.waiting.some((waiting) => mayTake(state, waiting, now).length > 0)) {
      state.note("a request waited for the end of recovery");
    }
    return;
  }
  for (const waiting of state.waiting) checksWait(state, waiting, told.wakesAtMs, now);
}

/** Nobody who wants the same and came before is left behind, and nobody of low priority is before one that is not. */
function checksOrder(state: State, next: Waiting, replica: string, warm: boolean, now: number): void {
  const place = state.waiting.indexOf(next);
  if (warm || state.neverWaits) {
    for (const [index, other] of state.waiting.entries()) {
      const sooner = other.arrivedAtMs < next.arrivedAtMs || (other.arrivedAtMs === next.arrivedAtMs && index < place);
      if (sooner && classOf(other) === classOf(next)) throw new Error(`request ${next.id} overtook ${other.id}`);
    }
  }
  const before = state.waiting.filter(({ arrivedAtMs }) => arrivedAtMs < next.arrivedAtMs);
  if (next.priority === "high" && before.some(({ priority }) => priority === "normal")) state.note("a high request overtook");
  if (next.priority !== "low") {
    if (before.some(({ priority }) => priority === "low")) state.note("a low request was overtaken");
    return;
  }
  const others = state.waiting.filter(({ priority }) => priority !== "low");
  // Half its time is over.
  if (now >= next.arrivedAtMs + (next.deadlineMs - next.arrivedAtMs) / 2) {
    if (others.length > 0) state.note("a low request was no longer behind");
    return;
  }
  for (const other of others) {
    if (now < other.hopedAtMs + LOOK_AGAIN_MS) continue;
    // Policies differ in whether one that is warm goes before another that must load.
    if (warm && !findsWarm(state, other, now)) continue;
    const could = freeFor(state, other, now).some(({ id }) => id === replica);
    if (could && mustBeGranted(state, other, now)) throw new Error(`request ${next.id}, which is low, overtook ${other.id}`);
  }
}

/** Nobody waits beside a free replica, unless a warm one may be better; then somebody looks again soon. */
function checksWait(state: State, waiting: Waiting, wakesAtMs: number, now: number): void {
  const free = mayTake(state, waiting, now);
  const holders = usable(state, waiting.avoid, now).filter((process) =>
    waiting.hints.some((hint) => serves(state, process, hint, now)),
  );
  const warm = holders.some((holder) => free.includes(holder));
  if (holders.length > 0 && !warm) waiting.hopedAtMs = now;
  if (free.length === 0) return;
  const beside = `request ${waiting.id} waits beside ${free.map(({ id }) => id).join(" and ")}`;
  if (state.neverWaits) throw new Error(beside);
  state.note("waited beside a free replica");
  expect(wakesAtMs, beside).toBeLessThanOrEqual(now + 1000);
  const isAsked = now >= waiting.hopedAtMs + LOOK_AGAIN_MS;
  if (isAsked) throw new Error(`${beside}, ${warm ? "which is warm" : "and nobody is warm"}`);
}
