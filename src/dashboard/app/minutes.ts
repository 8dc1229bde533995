// Sums over minutes of the history.
import type { MinuteView } from "../../views/history.ts";

export function sumOf(minutes: readonly MinuteView[], of: (minute: MinuteView) => number): number {
  return minutes.reduce((sum, minute) => sum + of(minute), 0);
}

/** The last few, the running one among them. */
export function lastMinutes(minutes: readonly MinuteView[], count: number): readonly MinuteView[] {
  return minutes.slice(-count);
}
