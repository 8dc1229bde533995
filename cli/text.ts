// Text for people: tables, durations, colours.
import { styleText } from "node:util";
import { LIMITS } from "./limits.ts";

export type Style = "red" | "yellow" | "green" | "bold" | "dim";
export type Paint = (style: Style, text: string) => string;

/** Colours on a terminal, unless NO_COLOR holds something (no-color.org). */
export function painter(isTerminal: boolean, noColor: string | undefined): Paint {
  const isPlain = !isTerminal || (noColor !== undefined && noColor !== "");
  return (style, text) => (isPlain ? text : styleText(style, text, { validateStream: false }));
}

/** Without control characters: a text from elsewhere must not steer the terminal. */
export function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, "\ufffd");
}

/** The beginning of a text of unknown length, on one line. */
export function shortened(text: string): string {
  const shown = printable(text.replace(/\s+/g, " ").trim());
  return shown.length > LIMITS.shownText ? `${shown.slice(0, LIMITS.shownText)}…` : shown;
}

export interface Column<Row> {
  readonly head: string;
  /** Null is a dash. */
  readonly cell: (row: Row) => string | number | null;
  readonly style?: (row: Row) => Style | null;
}

/** Columns that hold numbers alone are aligned to the right. */
export function table<Row>(rows: readonly Row[], columns: readonly Column<Row>[], paint: Paint): string {
  const laidOut = columns.map(({ head, cell, style }) => {
    const values = rows.map(cell);
    const texts = values.map((value) => (value === null ? "-" : printable(String(value))));
    const width = texts.reduce((most, text) => Math.max(most, text.length), head.length);
    const isNumber = values.some((value) => value !== null) && values.every((value) => typeof value !== "string");
    const pad = (text: string) => (isNumber ? text.padStart(width) : text.padEnd(width));
    const painted = texts.map((text, index) => {
      const row = rows[index];
      const its = row === undefined ? null : (style?.(row) ?? null);
      return { text: pad(text), style: its };
    });
    return { head: pad(head), painted };
  });
  const head = paint(
    "dim",
    laidOut
      .map((column) => column.head)
      .join("  ")
      .trimEnd(),
  );
  const lines = rows.map((_, index) => {
    const cells = laidOut.map(({ painted }) => painted[index] ?? { text: "", style: null });
    const last = cells.length - 1;
    return cells
      .map(({ text, style }, column) => {
        const shown = column === last ? text.trimEnd() : text;
        return style === null ? shown : paint(style, shown);
      })
      .join("  ")
      .trimEnd();
  });
  return [head, ...lines].join("\n");
}

/** As short as it can be read: 850 ms, 12 s, 3 min, 5 h, 2 d. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 120) return `${Number(seconds.toFixed(seconds < 10 ? 1 : 0))} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} d`;
}

export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
