// Things that begin at their times, whatever has become of those before: an open loop, as of clients that know nothing of each other.
import { setTimeout as sleep } from "node:timers/promises";

interface Timed {
  /** From the start. Never less than that of the one before. */
  readonly atMs: number;
}

/**
 * Begins each at its time and resolves when all have ended. Rejects when the first fails or the signal aborts, and begins nothing more. If there
 * is no end of them, `begin` bounds how many are open.
 */
export async function openLoop<T extends Timed>(
  items: Iterable<T>,
  signal: AbortSignal,
  begin: (item: T) => Promise<void>,
): Promise<void> {
  const startMs = performance.now();
  const failure = new AbortController();
  const either = AbortSignal.any([signal, failure.signal]);
  const open = new Set<Promise<void>>();
  for (const item of items) {
    const earlyMs = startMs + item.atMs - performance.now();
    // What it throws says only that it was aborted; the signal says why.
    if (earlyMs > 0) await sleep(earlyMs, undefined, { signal: either }).catch(() => {});
    either.throwIfAborted();
    const ended: Promise<void> = begin(item).then(
      () => void open.delete(ended),
      (error: unknown) => failure.abort(error),
    );
    open.add(ended);
  }
  await Promise.all(open);
  either.throwIfAborted();
}
