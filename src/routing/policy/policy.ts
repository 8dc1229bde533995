// A scheduling policy: which waiting request is sent next, and to which replica. Two ship (cost.ts, fifo.ts). docs/changing-the-policy.md shows how
// to write another. Who may wait at all, ejection, retries and slots are not a policy's business.
import type { Fleet } from "../ledger/fleet.ts";
import type { Replica } from "../ledger/replica.ts";
import type { Queue, RequestClass, Waiting } from "../ledger/queue.ts";
import type { Model } from "../model/model.ts";
import type { Place } from "./candidates.ts";

/** What a policy sees. It changes none of it. */
export interface View {
  readonly fleet: Fleet;
  readonly queue: Queue;
  readonly model: Model;
}

/** A request is sent to a replica with a free slot. */
export interface Send extends Place {
  readonly kind: "send";
  readonly request: Waiting;
}

/** A slot stays free, because every request that could have it is better off waiting for a warm replica. */
export interface Hold {
  readonly kind: "hold";
  /** When to ask again, whatever happens. */
  readonly lookAgainAtMs: number;
  /** Of the first of these requests: when a warm replica is expected to take it, ms from now, and the longest wait that is better than a load. */
  readonly expectedMs: number;
  readonly worthMs: number;
}

/** Null: no free slot may be used for any of these requests. */
export type Pick = Send | Hold | null;

/** What it would cost others to load a hint on a replica, for an explanation. Times are in ms of the fleet's time. */
export interface Weight {
  /** What the fleet would miss of the hint that the replica evicts. */
  readonly evictionMs: number;
  /** What others would miss of the replica while it is busy. */
  readonly occupationMs: number;
}

export interface Policy {
  /**
   * Of these classes, which wait in the view's queue, the request to send next. Called with the whole queue until nothing is sent, and with the one
   * class of a request that arrives. Must give the same for the same view and time.
   */
  pick(view: View, classes: Iterable<RequestClass>, now: number): Pick;
  /** What a load on the replica would cost others. */
  weigh(view: View, replica: Replica): Weight;
}
