// The reference model of hints that a replica fails again and again: it is passed over for those, for longer each time.
import { holds, readyMembers, type HintFailure, type Process, type Running, type State } from "./state.ts";

const NONE: HintFailure = { failures: 0, bars: 0, sinceMs: -Infinity, untilMs: 0 };

const keyOf = (process: Process, hint: string) => `${hint} of ${process.id} ${process.incarnation}`;

/** After two failures in a row where it had to load the hint, five where it held it; then with each that is sent after the last that counted. */
export function failsHint(state: State, { process, hint, warm, grantedAtMs }: Running, now: number): void {
  if (hint === null) return;
  const before = state.hintFailures.get(keyOf(process, hint)) ?? NONE;
  if (grantedAtMs <= before.sinceMs) return state.note("a failure of a hint for which it was passed over already");
  const failures = before.failures + 1;
  const { bars } = before;
  let after = { ...before, failures };
  if (bars > 0 || failures >= (warm ? 5 : 2)) {
    // 30 s, doubled each time, up to 10 minutes.
    after = { failures, bars: bars + 1, sinceMs: now, untilMs: now + Math.min(600_000, 30_000 * 2 ** bars) };
    state.note(bars === 0 ? `passed over for a hint: ${warm ? "warm" : "not warm"}` : "passed over for a hint once more");
  }
  state.hintFailures.set(keyOf(process, hint), after);
}

/** The replica may not serve the hint, where it does not say that it holds it and another was the last to serve it. */
export function lacksHint(state: State, run: Running, now: number): void {
  if (run.warm) return state.note("unsupported, and held");
  const last = state.servedBy.get(run.hint ?? "");
  if (last === undefined || last === run.process.id) return state.note("unsupported, and served nowhere else");
  state.note("unsupported, and served elsewhere");
  failsHint(state, run, now);
}

export function servesHint(state: State, process: Process, hint: string): void {
  if (state.hintFailures.delete(keyOf(process, hint))) state.note("a hint was served after it had failed");
  state.servedBy.set(hint, process.id);
}

/** Whether any process failed the hint and has not served it since. */
export function knowsFailure(state: State, hint: string): boolean {
  return [...state.hintFailures.keys()].some((key) => key.startsWith(`${hint} of `));
}

/** For how long it is passed over for the hint. */
export function barredForMs(state: State, process: Process, hint: string, now: number): number {
  return Math.max(0, (state.hintFailures.get(keyOf(process, hint)) ?? NONE).untilMs - now);
}

/** Whether it holds the hint or loads it, and is not passed over for it. */
export function serves(state: State, process: Process, hint: string, now: number): boolean {
  return holds(process, hint, now) && barredForMs(state, process, hint, now) === 0;
}

/** Of the replicas that may be used those that may load the hint: all of them where every one is passed over for it. */
export function loadable(state: State, usable: readonly Process[], hint: string, now: number): readonly Process[] {
  const able = usable.filter((process) => barredForMs(state, process, hint, now) === 0);
  if (able.length === usable.length) return usable;
  state.note(able.length > 0 ? "passed over for a hint alone" : "every replica was passed over for a hint");
  return able.length > 0 ? able : usable;
}

/** What is remembered of processes that are gone does not matter; of those that are there, for which hints they are passed over. */
export function barsOf(state: State, hints: readonly string[], now: number): readonly string[] {
  return readyMembers(state).flatMap((process) =>
    hints.map((hint) => `${hint} ${process.id} ${barredForMs(state, process, hint, now)}`),
  );
}
