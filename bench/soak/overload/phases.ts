// The phases of an overload and what is kept of their requests.
import type { Came, Sending } from "../../live/sending.ts";
import type { RetainedMib } from "../fleet.ts";

/** In order. Before each the queue and the replicas are empty, but for `after`, which is to show how that comes about. */
export const PHASES = ["saturated", "before", "overload", "after", "low_flood"] as const;
/**
 * saturated: as many clients as keep every slot busy, each sending when its last request has ended. What that gives is the capacity.
 * before: half of it. overload: many times it, and one request in ten is of low priority. after: half of it again, at once.
 * low_flood: many times it, but requests of normal priority are only half of it.
 */
export type Phase = (typeof PHASES)[number];

export interface OverloadSending extends Sending {
  readonly phase: Phase;
  readonly low: boolean;
}

/** One request; times are `performance.now()`. */
export interface Line {
  readonly phase: Phase;
  readonly low: boolean;
  readonly sentMs: number;
  readonly endedMs: number;
  /** `200`, or what it was instead. */
  readonly outcome: string;
  /** In the router's queue, by its own clock; null: it was not served. */
  readonly queuedMs: number | null;
  /** Null: the answer has none. */
  readonly retryAfterS: number | null;
}

export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/** At a moment. */
export interface Sample {
  readonly atMs: number;
  readonly resident_mb: number;
  readonly waiting: number;
  readonly in_flight: number;
}

export interface Generator {
  /** Share of the time that this process, clients and replicas together, worked, and how late its timers were, 99th percentile. */
  readonly busy: number;
  readonly delay_ms: number;
  /** How late requests were sent, 99th percentile; null: they had no time of their own. */
  readonly late_p99_ms: number | null;
  /** CPU time of the router, of one core's. */
  readonly router_cpu_share: number;
}

/** Phases after which nothing is under way for a moment, and is looked at what the router holds. */
export type Rest = Extract<Phase, "before" | "after" | "low_flood">;

export interface History {
  readonly lines: readonly Line[];
  readonly samples: readonly Sample[];
  readonly spans: Readonly<Record<Phase, Span>>;
  readonly generator: Readonly<Record<Phase, Generator>>;
  readonly retained: Readonly<Record<Rest, RetainedMib>>;
}

export const REFUSED = "429 queue_full";

export function lineOf({ phase, low }: OverloadSending, came: Came): Line {
  const { sentMs, endedMs, end, status, headers, proof, errorType, cause } = came;
  const proven = end === "answered" && status === 200 && proof !== null && typeof proof !== "string";
  const failure = end === "answered" ? `${status} ${errorType ?? "wrong answer"}` : `${end} ${cause ?? ""}`.trim();
  const queuedMs = Number(/queue;dur=([\d.]+)/.exec(headers["server-timing"] ?? "")?.[1] ?? NaN);
  const retryAfterS = Number(headers["retry-after"] ?? NaN);
  return {
    ...{ phase, low, sentMs, endedMs, outcome: proven ? "200" : failure },
    queuedMs: proven && Number.isFinite(queuedMs) ? queuedMs : null,
    retryAfterS: Number.isFinite(retryAfterS) ? retryAfterS : null,
  };
}
