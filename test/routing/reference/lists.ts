// The reference model of what replicas say that they hold.
import type { Process, State } from "./state.ts";

/** News of an answer may take so long: a list that came within that before the news may be later than the answer. */
const NEWS_MS = 100;

/** A list that came at a time denies only what news of answers had shown before it is applied, and not long after it came; null: it does not specialise, which denies nothing. */
export function lists(state: State, process: Process, hints: readonly string[] | null, cameAtMs: number): void {
  process.hints = hints;
  if (hints === null) return;
  const denies = ({ hint, shownAtMs }: Process["unreported"][number]) => cameAtMs > shownAtMs - NEWS_MS && !hints.includes(hint);
  const left = process.unreported.filter((its) => !denies(its) && !hints.includes(its.hint));
  if (left.length > 0) state.note("a list that came before did not deny a load");
  if (process.unreported.some(({ hint }) => hints.includes(hint))) state.note("a list confirmed a load");
  if (process.unreported.some(denies)) state.note("a list denied a load");
  process.unreported = left;
}
