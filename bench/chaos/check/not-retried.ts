// Why a request that failed at a replica was given to the client as it was, and not sent to another replica.
import { MAX_ATTEMPTS, QUEUE_LENGTH_MAX, TIMES_MS } from "../settings.ts";
import { failed, spanOf, type Row } from "./cases.ts";
import type { Case, Facts } from "./facts.ts";

/** Failed requests lately from which on an app's budget for retries may be spent. It has at least 20 and earns five a second here. */
const FAILED_LATELY = 12;
const LATELY_MS = 6000;
/** How much earlier than its time a timer may seem to fire, seen from another process. */
const EARLY_MS = 50;

const NOT_RETRIED: readonly Row[] = [
  { because: "the client or its body forbids a second attempt", holds: ({ sending }) => !sending.replayable },
  { because: "as many attempts were made as are allowed", holds: ({ runs }) => runs.length >= MAX_ATTEMPTS },
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
      const lately = facts.endedIn(sending.asked.app, { fromMs: endedMs - LATELY_MS, toMs: endedMs });
      return (
        lately.filter((its) => its.runs.length > 1 || its.runs.some(failed) || its.outcome === "runner_disconnected").length >=
        FAILED_LATELY
      );
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
      facts.openAt(asked.app, endedMs, LATELY_MS) > (queueMax === null ? QUEUE_LENGTH_MAX : queueMax),
  },
];

/** The reason; null: there is none that can be seen from outside. */
export function notRetried(its: Case, facts: Facts): string | null {
  return NOT_RETRIED.find(({ holds }) => holds(its, facts))?.because ?? null;
}
