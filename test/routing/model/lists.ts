// The reference model of what replicas say that they hold.
import type { Process, State } from "./state.ts";

/** News of an answer may take so long: a list that came within that before the news may be later than the answer. */
const NEWS_MS = 100;

/** Whether a list that came at the one time may deny what news of the other time showed. */
export function mayDeny(listedAtMs: number, shownAtMs: number): boolean {
  return listedAtMs > shownAtMs - NEWS_MS;
}

/** A list that came at a time denies only what answers had shown before; null: it does not specialise, which denies nothing. */
export function lists(state: State, process: Process, hints: readonly string[] | null, cameAtMs: number): void {
  process.hints = hints;
  if (hints === null) return;
  process.mostHeld = Math.max(process.mostHeld, hints.length);
  process.listedAtMs = cameAtMs;
  const denies = ({ hint, shownAtMs }: Process["unreported"][number]) => mayDeny(cameAtMs, shownAtMs) && !hints.includes(hint);
  const left = process.unreported.filter((its) => !denies(its) && !hints.includes(its.hint));
  if (left.length > 0) state.note("a list that came before did not deny a load");
  if (process.unreported.some(({ hint }) => hints.includes(hint))) state.note("a list confirmed a load");
  if (process.unreported.some(denies)) state.note("a list denied a load");
  process.unreported = left;
}
