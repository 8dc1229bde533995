// Histories for tests of the checker: a small one in which all is well, made by hand, to be doctored.
import type { Beat } from "../../bench/live/member.ts";
import type { Sent } from "../../bench/live/load.ts";
import { digestOf, uploadOf } from "../../bench/live/proof.ts";
import type { Came, Run } from "../../bench/live/records.ts";
import { check } from "../../bench/chaos/check/check.ts";
import type { FaultKind, Injected } from "../../bench/chaos/faults.ts";
import type { History } from "../../bench/chaos/run.ts";
import { APPS, HINTS, REPLICAS } from "../../bench/chaos/settings.ts";
import { sendingOf, type ChaosSending, type ClientKind } from "../../bench/chaos/traffic.ts";

export const APP = "alpha";
const SERVED_MS = 50;

/** Parts of a history that tests may change. */
export type Draft = { -readonly [Key in keyof History]: History[Key] extends readonly (infer T)[] ? T[] : History[Key] };

export function request(key: string, kind: ClientKind = "get", hint = "h1"): ChaosSending {
  return sendingOf(() => 0.5, key, kind, APP, hint);
}

/** A whole run that began at the moment. */
export function ran(sending: ChaosSending, replica: string, beganMs: number, change: Partial<Run> = {}): Run {
  const { key, app } = sending.asked;
  const concurrency = REPLICAS.find((shape) => shape.app === app && shape.replica === replica)?.concurrency ?? 1;
  return {
    ...{ key, app, replica, incarnation: 1, method: sending.method, present: 1, concurrency, trouble: null },
    ...{
      beganMs,
      headersMs: beganMs + SERVED_MS,
      lastSentMs: beganMs + SERVED_MS,
      endedMs: beganMs + SERVED_MS,
      status: 200,
      end: "complete",
    },
    upload: digestOf(sending.upload === undefined ? Buffer.alloc(0) : uploadOf(key, sending.upload.bytes)),
    ...change,
  };
}

/** Served by the replica. */
export function came(sending: ChaosSending, replica: string, sentMs: number, change: Partial<Came> = {}): Came {
  const { key, app } = sending.asked;
  const headers = { "x-fal-served-from": replica, "x-warmpath-reason": "hint_match" };
  return {
    ...{ sentMs, endedMs: sentMs + SERVED_MS + 2, headersMs: sentMs + SERVED_MS + 1, end: "answered", status: 200, headers },
    ...{ proof: { key, app, replica, incarnation: 1 }, errorType: null, detail: null, cause: null },
    ...change,
  };
}

/** An error of the router's own. */
export function refusal(status: number, errorType: string, detail: string | null = null): Partial<Came> {
  return { status, errorType, detail, headers: {}, proof: null };
}

export function fault(kind: FaultKind, replica: string, beganMs: number, endedMs: number, hint = ""): Injected {
  return { fault: { kind, atMs: beganMs, forMs: endedMs - beganMs, app: APP, replica, hint }, beganMs, endedMs };
}

/** `s1`, `s2` and `s3` are served one after the other by r4, at 1000, 1100 and 1200 ms. */
export function goodHistory(): Draft {
  const requests = ["s1", "s2", "s3"].map((key, index) => ({ sending: request(key), atMs: 1000 + 100 * index }));
  const touches = APPS.flatMap((app) =>
    HINTS.flatMap((hint) =>
      [1, 2].map((touch) => {
        const sending = sendingOf(() => 0.5, `f.${app}.${hint}.${touch}`, "get", app, hint);
        return { sending, came: came(sending, "r4", 5000) };
      }),
    ),
  );
  return {
    replicas: [...REPLICAS],
    sent: [
      ...requests.map(({ sending, atMs }): Sent<ChaosSending> => ({ sending, came: came(sending, "r4", atMs) })),
      ...touches,
    ],
    runs: [
      ...requests.map(({ sending, atMs }) => ran(sending, "r4", atMs + 1)),
      ...touches.map(({ sending }) => ran(sending, "r4", 5001)),
    ],
    beats: beats(),
    injected: [],
    samples: [{ atMs: 1050, app: APP, inFlight: 1, listed: ["r1", "r4"] }],
    log: [],
    end: {
      ...{ quietMs: 4000, wholeMs: 4100, missing: [], touches, held: [], apps: [...APPS] },
    },
  };
}

/** Every replica reports every half second, and is heard. */
function beats(): Beat[] {
  return REPLICAS.flatMap(({ app, replica }) =>
    Array.from({ length: 14 }, (_, sequence): Beat => {
      const sentMs = sequence * 500;
      return { app, replica, incarnation: 1, sequence, status: "ready", sentMs, answeredMs: sentMs + 2, answered: 200 };
    }),
  );
}

/** The rules that the history breaks when it is doctored. */
export function rulesBroken(doctor: (history: Draft) => void): string[] {
  const history = goodHistory();
  doctor(history);
  return [...new Set(check(history).violations.map(({ rule }) => rule))];
}

/** Changes one line of the history's ledger, and what replicas noted of the request. */
export function request1(history: Draft, change: Parameters<typeof came>[3], runs?: Draft["runs"]): void {
  const line = history.sent[0];
  if (line === undefined) throw new Error("there is no request");
  history.sent[0] = { ...line, came: came(line.sending, "r4", 1000, change) };
  if (runs !== undefined) history.runs = [...runs, ...history.runs.filter(({ key }) => key !== line.sending.asked.key)];
}
