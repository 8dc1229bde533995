// The table of allowed outcomes: how a request may have ended, given what happened to it and to the fleet; and why it was not sent to another
// replica. An outcome is allowed if one of its rows holds. The row's name is the reason.
import type { Run } from "../../live/records.ts";
import { MAX_ATTEMPTS, QUEUE_LENGTH_MAX, TIMES_MS } from "../settings.ts";
import { brokeOff, erred, failed, isStalled, isTriedElsewhere } from "./cases.ts";
import type { Case, Facts } from "./facts.ts";

type Rows = Readonly<Record<string, (its: Case, facts: Facts) => boolean>>;

/** How much earlier than its time a timer may seem to fire, seen from another process, and how much later under load. */
const EARLY_MS = 50;
const LATE_MS = 3000;
/** If so many requests failed lately, an app's budget for retries may be spent. It has at least 20 and earns five a second here. */
const FAILED_LATELY = 12;
const LATELY_MS = 6000;

/** Outcomes that are not in the table are never allowed: wrong answers, other errors of the router, requests without an end. */
const ALLOWED: Readonly<Record<string, Rows>> = {
  "200": { "a replica ran it to its end and says so": answeredSo },
  "502 runner_disconnected": {
    "its last replica was cut, died, reset it or fell silent before the headers, and it was not to be sent to another": (
      its,
      facts,
    ) => lostBeforeHeaders(its, facts) && isNotRetried(its, facts),
    "a short answer broke off or stalled, of which nothing had been passed on": (its) =>
      its.sending.asked.shape === "whole" && endedMidAnswer(its),
    "the handshake of a WebSocket was passed on, and the replica left it": ({ sending, runs }) =>
      sending.webSocket === true && runs.some(brokeOff),
  },
  "504 first_byte": {
    "its last replica had it for as long as it may be silent": ({ last, endedMs }) =>
      last !== undefined &&
      (last.headersMs ?? Infinity) > endedMs - EARLY_MS &&
      endedMs - last.beganMs >= TIMES_MS.firstByteTimeoutMs - EARLY_MS * 4,
    "its replica was killed or cut while it was silent for that long": ({ app, span, sentMs, endedMs }, facts) =>
      endedMs - sentMs >= TIMES_MS.firstByteTimeoutMs - EARLY_MS && facts.felt(app, span, ({ refuses }) => refuses),
  },
  "504 request_timeout": { "its deadline passed without a slot, in an app whose slots were taken or away": waitedInVain },
  "408 upload_timeout": {
    "its short body took longer than a replica may be silent": ({ sending, runs }) =>
      (sending.upload?.overMs ?? 0) > TIMES_MS.firstByteTimeoutMs && runs.length === 0,
  },
  "429 queue_full": {
    "as many waited as the queue takes": (its, facts) => waited(its, facts, QUEUE_LENGTH_MAX / 2),
    "more waited than the client would join": (its, facts) => waited(its, facts, its.sending.queueMax ?? Infinity),
    "others waited, and the wait was predicted to be longer than its deadline": ({ app, came, endedMs }, facts) =>
      /longer than the request's deadline/.test(came?.detail ?? "") && facts.waitingAt(app, endedMs) > 1,
  },
  "503 no_replicas": {
    "no replica was listed": (its, facts) => !isUnknown(its) && !facts.isAlwaysListed(its.app, its.span),
    "OPTIONS never waits, and no replica was ready": ({ sending, app, span }, facts) =>
      sending.method === "OPTIONS" && facts.felt(app, span, ({ away }) => away),
    "the Directory was out of reach, so that some made-up names count as apps": (its, facts) =>
      isUnknown(its) && directoryDisturbed(its, facts),
  },
  "503 runner_scheduling_failure": {
    "the app's object was out of reach, and there was no snapshot": ({ app, span }, facts) => facts.objectDisturbed(app, span),
    "the Directory was out of reach, and there were too many made-up names": (its, facts) =>
      isUnknown(its) && directoryDisturbed(its, facts),
  },
  "404 app_not_found": { "there is no such app": isUnknown },
  broken: {
    "its replica broke off in the middle of the answer, or stalled there": endedMidAnswer,
    "the router's process was killed": ({ app, span }, facts) => facts.feltOf(app, span, "router_killed"),
    "it was answered before its upload was whole, and the connection was closed on what was still sent": (its) => {
      const { upload, leaving } = its.sending;
      const uploading = upload !== undefined && (upload.overMs > 0 || leaving?.when === "mid_upload");
      const soon = its.endedMs - its.sentMs <= (upload?.overMs ?? 0) + LATE_MS;
      return uploading && soon && its.runs.every((run) => erred(run) || brokeOff(run));
    },
  },
  left: { "the client was told to leave": ({ sending }) => sending.leaving !== undefined },
};

/** An error status of a replica's own. */
const REPLICA_ERROR: Rows = {
  "its last replica answered so, and it was not to be sent to another": (its, facts) =>
    answeredSo(its) && isNotRetried(its, facts),
};

/** Why a request that failed at a replica was given to the client as it was, and not sent to another replica. */
const NOT_RETRIED: Rows = {
  "the client or its body forbids a second attempt": ({ sending }) => !sending.replayable,
  "it was answered with a status that is the client's to see": ({ last }) =>
    last !== undefined && erred(last) && !isTriedElsewhere(last),
  "as many attempts were made as are allowed": ({ runs }) => new Set(runs.map(({ replica }) => replica)).size >= MAX_ATTEMPTS,
  "all other replicas may have been away, or have failed it already": ({ app, span, runs }, facts) => {
    const away = facts.faults(app, span, (shape) => shape.away || shape.target === "router");
    if (away.some(({ fault }) => fault.replica === "")) return true;
    const failing = facts.faults(app, span, ({ fails }) => fails);
    const troubled = new Set([...away, ...failing].map(({ fault }) => fault.replica));
    for (const { replica } of runs) troubled.add(replica);
    return facts.replicasOf(app).every((replica) => troubled.has(replica));
  },
  "the app's budget for retries may have been spent": ({ app, endedMs }, facts) => {
    const span = { fromMs: endedMs - LATELY_MS, toMs: endedMs };
    // If connections are refused, a second attempt may have left no trace.
    const refuses = facts.felt(app, span, (shape) => shape.refuses);
    const spends = ({ runs, outcome }: Case) =>
      runs.length > 1 || outcome === "502 runner_disconnected" || (refuses && runs.some(failed));
    return facts.endedIn(app, span).filter(spends).length >= FAILED_LATELY;
  },
  "the app's object was out of reach, and the last snapshot had no other replica": ({ app, span }, facts) =>
    facts.objectDisturbed(app, span),
  "it waited for another replica until its time was up": ({ sentMs, endedMs }) =>
    endedMs - sentMs >= TIMES_MS.queueTimeoutMs - EARLY_MS,
  "the queue for another replica was too long": ({ app, sending, endedMs }, facts) =>
    facts.waitingAt(app, endedMs) > (sending.queueMax ?? QUEUE_LENGTH_MAX),
};

export function isAllowed(its: Case, facts: Facts): boolean {
  const rows = ALLOWED[its.outcome] ?? (/^\d+$/.test(its.outcome) ? REPLICA_ERROR : {});
  return Object.values(rows).some((holds) => holds(its, facts));
}

function isNotRetried(its: Case, facts: Facts): boolean {
  return Object.values(NOT_RETRIED).some((holds) => holds(its, facts));
}

/** The replica that the answer names ran it to its end, with that status. */
function answeredSo({ came, runs }: Case): boolean {
  const isIt = ({ status }: Run) => status === came?.status || (status === 101 && came?.status === 200);
  return runs.some((run) => run.replica === came?.headers["x-fal-served-from"] && run.end === "complete" && isIt(run));
}

/** By the last run, or by a fault that refuses connections. */
function lostBeforeHeaders({ last, app, span }: Case, facts: Facts): boolean {
  if (last !== undefined && (failed(last) || facts.isGivenUp(last))) return true;
  return facts.felt(app, span, ({ refuses }) => refuses);
}

function endedMidAnswer({ last }: Case): boolean {
  return last !== undefined && last.headersMs !== null && (brokeOff(last) || isStalled(last));
}

function waitedInVain({ app, span, sending, sentMs, endedMs }: Case, facts: Facts): boolean {
  const deadlineMs = sentMs + Math.min(sending.deadlineMs ?? Infinity, TIMES_MS.queueTimeoutMs);
  if (endedMs < deadlineMs - EARLY_MS || endedMs > deadlineMs + LATE_MS) return false;
  return facts.felt(app, span) || facts.openAt(app, sentMs, 0) > facts.slotsOf(app) / 2;
}

/** The refusal says that so many waited, and as many may have. */
function waited({ app, came, endedMs }: Case, facts: Facts, least: number): boolean {
  const said = Number(/(\d+) requests are waiting/.exec(came?.detail ?? "")?.[1] ?? NaN);
  return said >= least && facts.waitingAt(app, endedMs) >= said;
}

function isUnknown({ sending }: Case): boolean {
  return sending.kind === "unknown_app";
}

function directoryDisturbed({ span }: Case, facts: Facts): boolean {
  return facts.felt("", span, ({ target }) => target === "directory" || target === "router");
}
