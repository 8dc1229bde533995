// The table of allowed outcomes: how a request may have ended, given what happened to it and to the fleet. An outcome is allowed where one
// of its rows holds; the row's text is the reason.
import type { Run } from "../../live/run.ts";
import { QUEUE_LENGTH_MAX, TIMES_MS } from "../settings.ts";
import { brokeOff, erred, failed, isGivenUp, isStalled, spanOf, type Row } from "./cases.ts";
import type { Case, Facts } from "./facts.ts";
import { notRetried } from "./not-retried.ts";
import type { Outcome } from "./outcomes.ts";

/** How much earlier than its time a timer may seem to fire, seen from another process, and how much later under load. */
const EARLY_MS = 50;
const LATE_MS = 3000;
const NEVER: readonly Row[] = [];

export const ALLOWED: Readonly<Record<Outcome, readonly Row[]>> = {
  complete: [
    {
      because: "a replica ran it to its end and says so",
      holds: ({ came, runs }) => runs.some((run) => isAnswer(run, came?.headers["x-fal-served-from"], 200)),
    },
  ],
  replica_error: [
    {
      because: "its last replica answered so, and it was not to be sent to another",
      holds: (its, facts) => answeredSo(its) && notRetried(its, facts) !== null,
    },
  ],
  runner_disconnected: [
    {
      because: "its last replica was cut, died, reset it or fell silent before the headers, and it was not to be sent to another",
      holds: (its, facts) => lostBeforeHeaders(its, facts) && notRetried(its, facts) !== null,
    },
    {
      because: "a short answer broke off or stalled, of which nothing had been passed on",
      holds: (its) => its.sending.asked.shape === "whole" && endedMidAnswer(its),
    },
    {
      because: "the handshake of a WebSocket was passed on, and the replica left it",
      holds: ({ sending, runs }) => sending.webSocket && runs.some(brokeOff),
    },
  ],
  first_byte_timeout: [
    {
      because: "its last replica had it for as long as it may be silent",
      holds: ({ runs, endedMs }) => {
        const last = runs.at(-1);
        if (last === undefined || (last.headersMs ?? Infinity) <= endedMs - EARLY_MS) return false;
        return endedMs - last.beganMs >= TIMES_MS.firstByteTimeoutMs - EARLY_MS * 4;
      },
    },
    {
      because: "its replica was killed or cut while it was silent for that long",
      holds: (its, facts) => {
        const { endedMs, sentMs, sending } = its;
        if (endedMs - sentMs < TIMES_MS.firstByteTimeoutMs - EARLY_MS) return false;
        return facts.faults(sending.asked.app, spanOf(its), (shape) => shape.refuses).length > 0;
      },
    },
  ],
  queue_timeout: [
    {
      because: "its deadline passed without a slot, in an app whose slots were taken or away",
      holds: (its, facts) => waitedInVain(its, facts),
    },
  ],
  upload_timeout: [
    {
      because: "its short body took longer than a replica may be silent",
      holds: ({ sending, runs }) => (sending.upload?.overMs ?? 0) > TIMES_MS.firstByteTimeoutMs && runs.length === 0,
    },
  ],
  queue_full: [
    {
      because: "as many waited as the queue takes",
      holds: ({ sending, came, endedMs }, facts) => {
        const waiting = waitingSaid(came?.detail);
        return waiting !== null && waiting >= QUEUE_LENGTH_MAX / 2 && facts.waitingAt(sending.asked.app, endedMs) >= waiting;
      },
    },
    {
      because: "more waited than the client would join",
      holds: ({ sending, came, endedMs }, facts) => {
        const waiting = waitingSaid(came?.detail);
        if (sending.queueMax === null || waiting === null) return false;
        return waiting >= sending.queueMax && facts.waitingAt(sending.asked.app, endedMs) >= waiting;
      },
    },
    {
      because: "others waited, and the wait was predicted to be longer than its deadline",
      holds: ({ sending, came, endedMs }, facts) =>
        /longer than the request's deadline/.test(came?.detail ?? "") && facts.waitingAt(sending.asked.app, endedMs) > 1,
    },
  ],
  no_replicas: [
    {
      because: "no replica was listed",
      holds: (its, facts) =>
        its.sending.kind !== "unknown_app" && facts.alwaysListed(its.sending.asked.app, spanOf(its)) === null,
    },
    {
      because: "OPTIONS never waits, and no replica was ready",
      holds: (its, facts) => its.sending.method === "OPTIONS" && away(its, facts),
    },
    {
      because: "the Directory was out of reach, so that some made-up names count as apps",
      holds: (its, facts) => its.sending.kind === "unknown_app" && directoryDisturbed(its, facts),
    },
  ],
  scheduling_failure: [
    {
      because: "the app's object was out of reach, and there was no snapshot",
      holds: (its, facts) => facts.objectDisturbed(its.sending.asked.app, spanOf(its)),
    },
    {
      because: "the Directory was out of reach, and there were too many made-up names",
      holds: (its, facts) => its.sending.kind === "unknown_app" && directoryDisturbed(its, facts),
    },
  ],
  app_not_found: [{ because: "there is no such app", holds: ({ sending }) => sending.kind === "unknown_app" }],
  broken: [
    {
      because: "its replica broke off in the middle of the answer, or stalled there",
      holds: endedMidAnswer,
    },
    {
      because: "the router's process was killed",
      holds: (its, facts) => facts.kinds(its.sending.asked.app, spanOf(its), "router_killed").length > 0,
    },
    {
      because: "it was answered before its upload was whole, and the connection was closed on what was still sent",
      holds: ({ sending: { upload, leaving }, runs, sentMs, endedMs }) => {
        const uploading = upload !== null && (upload.overMs > 0 || leaving?.when === "mid_upload");
        return uploading && endedMs - sentMs <= upload.overMs + LATE_MS && runs.every((run) => erred(run) || brokeOff(run));
      },
    },
  ],
  left: [{ because: "the client was told to leave", holds: ({ sending }) => sending.leaving !== null }],
  wrong_answer: NEVER,
  other_error: NEVER,
  unanswered: NEVER,
};

/** Why the outcome is allowed; null: it is not. */
export function reasonFor(its: Case, facts: Facts): string | null {
  return ALLOWED[its.outcome].find(({ holds }) => holds(its, facts))?.because ?? null;
}

function isAnswer(run: Run, replica: string | undefined, status: number): boolean {
  const okay = run.status === status || (run.status === 101 && status === 200);
  return run.replica === replica && run.end === "complete" && okay;
}

function answeredSo({ came, runs }: Case): boolean {
  return runs.some((run) => isAnswer(run, came?.headers["x-fal-served-from"], came?.status ?? 0));
}

/** By the last run, or, where a connection was refused, by a fault that refuses them. */
function lostBeforeHeaders(its: Case, facts: Facts): boolean {
  const last = its.runs.at(-1);
  if (last !== undefined && (failed(last) || isGivenUp(last, facts))) return true;
  return facts.faults(its.sending.asked.app, spanOf(its), (shape) => shape.refuses).length > 0;
}

function endedMidAnswer({ runs }: Case): boolean {
  const last = runs.at(-1);
  return last !== undefined && last.headersMs !== null && (brokeOff(last) || isStalled(last));
}

function waitedInVain(its: Case, facts: Facts): boolean {
  const { sending, sentMs, endedMs } = its;
  const deadlineMs = sentMs + Math.min(sending.deadlineMs ?? Infinity, TIMES_MS.queueTimeoutMs);
  if (endedMs < deadlineMs - EARLY_MS || endedMs > deadlineMs + LATE_MS) return false;
  const { app } = sending.asked;
  const disturbed = facts.faults(app, spanOf(its), () => true).length > 0;
  return disturbed || facts.openAt(app, sentMs, 0) > facts.slotsOf(app) / 2;
}

function away(its: Case, facts: Facts): boolean {
  return facts.faults(its.sending.asked.app, spanOf(its), (shape) => shape.away).length > 0;
}

function directoryDisturbed(its: Case, facts: Facts): boolean {
  return facts.faults("", spanOf(its), ({ target }) => target === "directory" || target === "router").length > 0;
}

/** `N requests are waiting`, in the detail of a 429. */
function waitingSaid(detail: string | null | undefined): number | null {
  const said = /(\d+) requests are waiting/.exec(detail ?? "")?.[1];
  return said === undefined ? null : Number(said);
}
