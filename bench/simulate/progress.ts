// One line on a terminal that says how far a long run has come. Anything but a terminal hears nothing.
import type { Progress } from "./experiment.ts";

const EVERY_MS = 100;
const COLUMNS = 80;

export interface ProgressLine {
  readonly tell: Progress;
  /** Makes room for other text. */
  clear(): void;
}

export function progressLine(stream: NodeJS.WriteStream): ProgressLine {
  if (!stream.isTTY) return { tell() {}, clear() {} };
  let saidAtMs = -Infinity;
  return {
    tell(doing, share) {
      const nowMs = performance.now();
      if (nowMs - saidAtMs < EVERY_MS) return;
      saidAtMs = nowMs;
      const line = `${(share * 100).toFixed(0).padStart(3)} %  ${doing}`;
      stream.write(`\r\u001B[K${line.slice(0, (stream.columns || COLUMNS) - 1)}`);
    },
    clear() {
      stream.write("\r\u001B[K");
    },
  };
}
