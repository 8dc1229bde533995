// Offers requests to the router: by clients that each wait for their answer, or at times of their own whatever becomes of them.
import { setTimeout as sleep } from "node:timers/promises";
import { send } from "../../live/client.ts";
import { sendOpenLoop } from "../../live/open-loop.ts";
import type { Came, Way } from "../../live/sending.ts";
import type { OverloadSending } from "./phases.ts";
import { arrivals, requestsOf, type Offered } from "./traffic.ts";

export interface Offering {
  readonly way: () => Way;
  readonly signal: AbortSignal;
  readonly onCame: (sending: OverloadSending, came: Came) => void;
}

/** Wrapped, as a promise of a promise would wait for both. */
export interface Offers {
  /** When the last request has ended. */
  readonly ended: Promise<void>;
}

/** Returns when the time is over. */
export async function offerClosed(
  { clients, ...offered }: Omit<Offered, "perSecond"> & { readonly clients: number },
  lastsMs: number,
  { way, signal, onCame }: Offering,
): Promise<Offers> {
  const requests = requestsOf(offered);
  const untilMs = performance.now() + lastsMs;
  const client = async () => {
    while (!signal.aborted && performance.now() < untilMs) {
      const next = requests.next();
      if (next.done === true) return;
      const came = await send(next.value, way());
      if (!signal.aborted) onCame(next.value, came);
    }
  };
  const ended = Promise.all(Array.from({ length: clients }, client)).then(() => {});
  await sleep(lastsMs, undefined, { signal }).catch(() => {});
  return { ended };
}

/** Returns when the time is over. `onLate` hears how late each request was sent. */
export async function offerOpen(
  offered: Offered,
  lastsMs: number,
  { way, signal, onCame }: Offering,
  onLate: (ms: number) => void,
): Promise<Offers> {
  const startMs = performance.now();
  let dueMs = 0;
  function* timed() {
    for (const request of arrivals(offered, lastsMs)) {
      dueMs = startMs + request.atMs;
      yield request;
    }
  }
  const ended = sendOpenLoop(timed(), {
    ...{ way, signal },
    onSent: () => onLate(performance.now() - dueMs),
    onCame: ({ sending, came }) => {
      if (came !== null && !signal.aborted) onCame(sending, came);
    },
  });
  await sleep(lastsMs, undefined, { signal }).catch(() => {});
  return { ended };
}
