// How finely times are shown.

/** Seconds to the millisecond, which is as fine as estimates get. */
export function round(seconds: number): number {
  return Math.round(seconds * 1000) / 1000;
}
