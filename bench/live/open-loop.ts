// Sends requests at their times whatever became of those before, and keeps what came of each.
import { setTimeout as sleep } from "node:timers/promises";
import { send } from "./client.ts";
import type { Came, Sending, Way } from "./sending.ts";

export interface Timed<T extends Sending> {
  /** From the start. */
  readonly atMs: number;
  readonly sending: T;
}

/** One line of the ledger. */
export interface Sent<T extends Sending> {
  readonly sending: T;
  /** Null: it has not ended yet. */
  came: Came | null;
}

export interface OpenLoop<T extends Sending> {
  /** A new way for each request, as the router may have moved. */
  readonly way: () => Way;
  /** No request is begun after it. */
  readonly signal: AbortSignal;
  /** Hears of each request as it is sent, with how late that is, and again when it has ended. */
  readonly onSent?: (sent: Sent<T>, lateMs: number) => void;
  readonly onCame?: (sending: T, came: Came) => void;
}

/** In order of time. Returns when the last has ended; what is to be kept of them `onSent` and `onCame` keep. */
export async function sendOpenLoop<T extends Sending>(requests: Iterable<Timed<T>>, loop: OpenLoop<T>): Promise<void> {
  const { way, signal, onSent, onCame } = loop;
  const startMs = performance.now();
  const open = new Set<Promise<void>>();
  for (const { atMs, sending } of requests) {
    const lateMs = performance.now() - startMs - atMs;
    if (lateMs < 0) await sleep(-lateMs, undefined, { signal }).catch(() => {});
    if (signal.aborted) break;
    const sent: Sent<T> = { sending, came: null };
    onSent?.(sent, performance.now() - startMs - atMs);
    const ended = send(sending, way()).then((came) => {
      sent.came = came;
      onCame?.(sending, came);
    });
    open.add(ended);
    void ended.finally(() => open.delete(ended));
  }
  await Promise.all(open);
}
