// Numbers and times as the dashboard shows them.

/** 0 s, 850 ms, 4.2 s, 42 s, 3.5 min, 2.1 h. */
export function seconds(value: number): string {
  if (value === 0) return "0 s";
  if (value < 0.9995) return `${Math.round(value * 1000)} ms`;
  if (value < 120) return `${digits(value)} s`;
  return value < 7170 ? `${digits(value / 60)} min` : `${digits(value / 3600)} h`;
}

/** A dash where nothing was counted. */
export function secondsOrDash(value: number | null): string {
  return value === null ? "–" : seconds(value);
}

/** Of nothing there is no share. */
export function share(part: number, whole: number): string {
  return whole === 0 ? "–" : `${Math.round((100 * part) / whole)} %`;
}

export function counted(count: number, noun: string): string {
  return `${whole(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/** With thin spaces between thousands. */
export function whole(count: number): string {
  return String(Math.round(count)).replace(/\B(?=(\d{3})+$)/g, "\u2009");
}

/** Two digits at least say something. */
function digits(value: number): string {
  return value < 10 ? value.toFixed(1) : String(Math.round(value));
}
