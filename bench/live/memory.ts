// How much memory a process uses over time, as the system counts it.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

export interface MemorySample {
  /** As `performance.now()`. */
  readonly atMs: number;
  readonly residentBytes: number;
}

export const MEBIBYTE = 1024 * 1024;
const KIBIBYTE = 1024;
/** Beyond it every second sample is dropped and the pause doubled, so that a long run keeps its whole course. */
const SAMPLES_MAX = 10_000;

/** Resident memory; null: there is no such process. Linux and macOS. */
export function residentBytes(pid: number): number | null {
  try {
    if (process.platform === "linux") {
      const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
      return kibibytes === undefined ? null : Number(kibibytes) * KIBIBYTE;
    }
    return Number(execFileSync("ps", ["-o", "rss=", "-p", String(pid)], { encoding: "utf8" })) * KIBIBYTE;
  } catch {
    return null;
  }
}

export class MemorySampler implements Disposable {
  #samples: MemorySample[] = [];
  #timer: NodeJS.Timeout;
  #everyMs: number;
  readonly #pid: () => number | null;

  /** `pid` is asked each time; null: the process is down. */
  constructor(pid: () => number | null, everyMs: number) {
    this.#pid = pid;
    this.#everyMs = everyMs;
    this.#timer = setInterval(() => this.#take(), everyMs);
  }

  get samples(): readonly MemorySample[] {
    return this.#samples;
  }

  get mostBytes(): number {
    return this.#samples.reduce((most, { residentBytes }) => Math.max(most, residentBytes), 0);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #take(): void {
    const pid = this.#pid();
    const bytes = pid === null ? null : residentBytes(pid);
    if (bytes === null) return;
    this.#samples.push({ atMs: performance.now(), residentBytes: bytes });
    if (this.#samples.length < SAMPLES_MAX) return;
    this.#samples = this.#samples.filter((_, index) => index % 2 === 0);
    this.#everyMs *= 2;
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#take(), this.#everyMs);
  }
}
