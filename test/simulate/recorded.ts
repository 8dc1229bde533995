// A router with a recorder around it: how requests ended, how much was outstanding, and an error where the simulation would not end, as
// requests are left forever or sent to a dead replica again and again.
import type { MakeRouter } from "../../bench/simulate/router.ts";

export interface Recording {
  /** How often each request came to an end, by id. */
  readonly endings: number[];
  /** The most requests that were outstanding at one replica at once, less its concurrency. */
  mostOverConcurrency: number;
}

/** `lastMs`: by then every request has to be over. */
export function recorded(make: MakeRouter, lastMs: number): { readonly make: MakeRouter; readonly recording: Recording } {
  const recording: Recording = { endings: [], mostOverConcurrency: -Infinity };
  const ends = (id: number) => void (recording.endings[id] = (recording.endings[id] ?? 0) + 1);
  return {
    recording,
    make(actions, options) {
      const at = new Map<number, number>();
      const outstanding = new Map<number, number>();
      const aliveUntilMs = new Map<number, number>();
      let nowMs = 0;
      const clock = (timeMs: number) => {
        nowMs = timeMs;
        if (nowMs > lastMs) throw new Error(`at ${nowMs} ms not all requests are over`);
      };
      const leaves = (id: number): number => {
        const replica = at.get(id);
        if (replica === undefined) throw new Error(`request ${id} is nowhere`);
        at.delete(id);
        outstanding.set(replica, (outstanding.get(replica) ?? 0) - 1);
        return replica;
      };
      const router = make(
        {
          send(id, replica) {
            // Its connection broke, or it was silent for the time to live, and it has not reported since.
            if ((aliveUntilMs.get(replica) ?? 0) <= nowMs)
              throw new Error(`request ${id} goes to replica ${replica}, which is known dead`);
            at.set(id, replica);
            const now = (outstanding.get(replica) ?? 0) + 1;
            outstanding.set(replica, now);
            recording.mostOverConcurrency = Math.max(recording.mostOverConcurrency, now - options.concurrency);
            actions.send(id, replica);
          },
          refuse(id, why) {
            ends(id);
            actions.refuse(id, why);
          },
        },
        options,
      );
      return {
        report(report, timeMs) {
          clock(timeMs);
          aliveUntilMs.set(report.replica, timeMs + options.timeToLiveMs);
          return router.report(report, timeMs);
        },
        announce(hint, timeMs) {
          clock(timeMs);
          router.announce?.(hint, timeMs);
        },
        arrive(arrival, timeMs) {
          clock(timeMs);
          router.arrive(arrival, timeMs);
        },
        answered(id, answer, timeMs) {
          clock(timeMs);
          router.answered(id, answer, timeMs);
        },
        finished(id, timeMs) {
          clock(timeMs);
          leaves(id);
          ends(id);
          router.finished(id, timeMs);
        },
        brokeOff(id, timeMs) {
          clock(timeMs);
          leaves(id);
          ends(id);
          router.brokeOff(id, timeMs);
        },
        failed(id, timeMs) {
          clock(timeMs);
          aliveUntilMs.delete(leaves(id));
          router.failed(id, timeMs);
        },
        tick(timeMs) {
          clock(timeMs);
          router.tick(timeMs);
        },
        nextEventMs: () => router.nextEventMs(),
      };
    },
  };
}
