// Why a request that failed at a replica was given to the client as it was, and not sent to another replica.
import { MAX_ATTEMPTS, QUEUE_LENGTH_MAX, TIMES_MS } from "../settings.ts";
import { erred, failed, isTriedElsewhere, spanOf, type Row } from "./cases.ts";
import type { Case, Facts } from "./facts.ts";

/** Failed requests lately from which on an app's budget for retries may be spent. It has at least 20 and earns five a second here. */
const FAILED_LATELY = 12;
const LATELY_MS = 6000;
/** How much earlier than its time a timer may seem to fire, seen from another process. */
const EARLY_MS = 50;

const NOT_RETRIED: readonly Row[] = [
  { because: "the client or its body forbids a second attempt", holds: ({ sending }) => !sending.replayable },
  {
    because: "it was answered with a status that is the client's to see",
    holds: ({ runs }) => {
      const last = runs.at(-1);
      return last !== undefined && erred(last) && !isTriedElsewhere(last);
    },
  },
  {
    because: "as many attempts were made as are allowed",
    holds: ({ runs }) => new Set(runs.map(({ replica }) => replica)).size >= MAX_ATTEMPTS,
  },
  {
    because: "all other replicas may have been away, or have failed it already",
    holds: (its, facts) => {
      const { asked } = its.sending;
      const away = facts.faults(asked.app, spanOf(its), (shape) => shape.away || shape.target === "router");
      const failing = facts.faults(asked.app, spanOf(its), (shape) => shape.fails);
      if (away.some(({ fault }) => fault.replica === "")) return true;
      const troubled = new Set([...away, ...failing].map(({ fault }) => fault.replica));
      for (const { replica } of its.runs) troubled.add(replica);
      const all = facts.history.replicas.filter(({ app }) => app === asked.app);
      return all.every(({ replica }) => troubled.has(replica));
    },
  },
  {
    because: "the app's budget for retries may have been spent",
    holds: ({ sending, endedMs }, facts) => {
      const span = { fromMs: endedMs - LATELY_MS, toMs: endedMs };
      // Where connections are refused, a second attempt may have left no trace.
      const refuses = facts.faults(sending.asked.app, span, (shape) => shape.refuses).length > 0;
      const spends = ({ runs, outcome }: Case) =>
        runs.length > 1 || outcome === "runner_disconnected" || (refuses && runs.some(failed));
      return facts.endedIn(sending.asked.app, span).filter(spends).length >= FAILED_LATELY;
    },
  },
  {
    because: "the app's object was out of reach, and the last snapshot had no other replica",
    holds: (its, facts) => facts.objectDisturbed(its.sending.asked.app, spanOf(its)),
  },
  {
    because: "it waited for another replica until its time was up",
    holds: ({ sentMs, endedMs }) => endedMs - sentMs >= TIMES_MS.queueTimeoutMs - EARLY_MS,
  },
  {
    because: "the queue for another replica was too long",
    holds: ({ sending: { asked, queueMax }, endedMs }, facts) =>
      facts.waitingAt(asked.app, endedMs) > (queueMax === null ? QUEUE_LENGTH_MAX : queueMax),
  },
];

/** The reason; null: there is none that can be seen from outside. */
export function notRetried(its: Case, facts: Facts): string | null {
  return NOT_RETRIED.find(({ holds }) => holds(its, facts))?.because ?? null;
}
