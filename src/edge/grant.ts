// What admission is asked for and what it gives: a place on a replica, and the slot that the request holds there.
import type { AnswerKind, Failure } from "../routing/health/outcome.ts";
import type { Reason } from "../routing/policy/decide.ts";
import type { Refusal } from "../routing/refusals.ts";
import type { Exchange } from "./exchange.ts";

/** A request that asks for a place. */
export interface Admitting {
  readonly exchange: Exchange;
  /** Replicas that failed the request already. */
  readonly avoid: readonly string[];
  readonly deadlineMs: number;
  /** Time spent in the queue so far, over restarts of the object. */
  waitedMs: number;
}

export interface Destination {
  readonly replica: string;
  readonly origin: string;
  readonly reason: Reason;
  /** What the replica had better evict for the load; null: nothing. */
  readonly evict: string | null;
  /** Time in the queue. */
  readonly waitedMs: number;
  readonly sentAtMs: number;
}

/** A request's hold on a replica, and what is told of it. Nothing here fails; the news is for `waitUntil`. */
export interface HeldSlot {
  /** Whether the object waits to hear that the answer came whole. */
  readonly proves: boolean;
  /** Calls the function where the replica is gone and the answer has not begun; the last function given alone. */
  onLost(end: () => void): void;
  /** `streams`: the object is told how its body ends. */
  answered(kind: AnswerKind, inBandHints: readonly string[] | null, streams: boolean): Promise<void>;
  failed(failure: Failure, inBandHints?: readonly string[] | null): Promise<void>;
  /** The answer came whole: gives the slot back, at once (null) or when the object has heard of it. */
  done(): Promise<void> | null;
  /** It broke off, and whose doing that was is not known: gives the slot back when the object has heard of it. */
  brokeOff(): Promise<void>;
  /** Gives the slot back. Idempotent, as `done` and `brokeOff` are. */
  release(): void;
}

export interface Granted {
  readonly kind: "granted";
  readonly to: Destination;
  /** Null: the request takes no slot. */
  readonly slot: HeldSlot | null;
}

export type Refused =
  | { readonly kind: "refused"; readonly refusal: Refusal }
  /** Neither the object nor a snapshot can say where to. */
  | { readonly kind: "unknown" };

export type Admission = Granted | Refused;

/** The object does not answer in time, or no replica becomes free by then. */
export const TIMED_OUT = { kind: "refused", refusal: { kind: "timed_out" } } as const;
