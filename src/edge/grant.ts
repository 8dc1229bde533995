// What admission is asked for and what it gives: a place on a replica, and the slot that the request holds there.
import type { AnswerKind, Failure } from "../routing/health/outcome.ts";
import type { Reason } from "../routing/scheduler.ts";
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
  /** The slot on the last replica, which failed; null: there was none, or the object knows. */
  after: FailedSlot | null;
}

export interface Destination {
  readonly replica: string;
  readonly origin: string;
  readonly reason: Reason;
  /** Time in the queue. */
  readonly waitedMs: number;
  readonly sentAtMs: number;
}

/** How a replica failed a request, and what it said then that it holds; null: nothing. */
export interface ReplicaFailure {
  readonly failure: Failure;
  readonly hints: readonly string[] | null;
}

/** What the object is told of a request's last slot with the request's next enqueue. */
export interface FailedSlot extends ReplicaFailure {
  readonly id: number;
}

/** A request's hold on a replica, and what the fleet is told of the request. No method fails. The promises are for `waitUntil`. */
export interface HeldSlot {
  /** Whether the object waits to hear that the answer came whole. */
  readonly proves: boolean;
  /**
   * Whether an answer of known length that is not short passes untouched: with its headers the replica has done its work, and nobody watches how the rest
   * goes.
   */
  readonly passes: boolean;
  /** Calls the function once the replica is gone, unless the answer has begun. Only the last function that was given is called. */
  onLost(end: () => void): void;
  /** Response headers came that are no failure. `streams`: the object is told how the body ends. Null: nobody need be told now. */
  answered(kind: AnswerKind, inBandHints: readonly string[] | null, streams: boolean): Promise<void> | null;
  failed(failure: Failure, inBandHints?: readonly string[] | null): Promise<void>;
  /** The replica failed the request, which goes on elsewhere. Gives what the object is told with the next enqueue; null: nothing. */
  handOver(failure: ReplicaFailure): FailedSlot | null;
  /** The answer came whole. Gives the slot back, at once (null) or when the object has heard of it. */
  done(): Promise<void> | null;
  /** The answer broke off, and nobody knows by whose fault. Gives the slot back when the object has heard of it. */
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
  /** Neither the object nor a snapshot names a replica. */
  | { readonly kind: "unknown" };

export type Admission = Granted | Refused;

/** No replica became free by the deadline, or the object did not answer by then. */
export const TIMED_OUT = { kind: "refused", refusal: { kind: "timed_out" } } as const;
