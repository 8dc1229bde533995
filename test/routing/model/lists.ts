// The reference model of what replicas say that they hold.
import type { Process, State } from "./state.ts";

/** A list that came at a time denies only what answers had shown before; null: it does not specialise, which denies nothing. */
export function lists(state: State, process: Process, hints: readonly string[] | null, cameAtMs: number): void {
  process.hints = hints;
  if (hints === null) return;
  process.mostHeld = Math.max(process.mostHeld, hints.length);
  const left = process.unreported.filter(({ hint, shownAtMs }) => shownAtMs > cameAtMs && !hints.includes(hint));
  if (left.length > 0) state.note("a list that came before did not deny a load");
  if (process.unreported.some(({ hint }) => hints.includes(hint))) state.note("a list confirmed a load");
  if (process.unreported.some(({ hint, shownAtMs }) => shownAtMs <= cameAtMs && !hints.includes(hint)))
    state.note("a list denied a load");
  process.unreported = left;
}
