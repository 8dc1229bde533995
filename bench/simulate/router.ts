// What the simulated world and a router say to each other: exactly what the wire carries, and nothing of what is really in a replica. The
// production scheduler and every baseline are driven through this one interface.
import type { Advice } from "../../src/routing/prewarm.ts";

/** A replica's periodic report. Replicas are named by their place, from 0. */
export interface Report {
  readonly replica: number;
  /** Rises when the replica is a new process. */
  readonly incarnation: number;
  readonly sequence: number;
  /** What the replica says it holds. Loads in progress are not among it. */
  readonly hints: readonly string[];
  /** Null: the replica does not say. */
  readonly hintSlots: number | null;
  readonly concurrency: number;
  readonly inFlight: number;
}

export interface Arrival {
  readonly id: number;
  readonly hint: string;
  /** What the client says serving the request costs; null: nothing. */
  readonly costMs: number | null;
}

/** What a router may do, at once or at any later call. */
export interface Actions {
  /** Sends a waiting request to a replica. Over its concurrency the request queues there, first come first served. `direct`: an isolate does so by itself. */
  send(id: number, replica: number, direct?: boolean): void;
  /** Gives a waiting request up. */
  refuse(id: number, why: "timed_out" | "queue_full"): void;
}

/** A replica's response headers. */
export interface Answer {
  readonly status: 200 | 500;
  /** What the replica holds, if it says so in band. */
  readonly hints: readonly string[] | null;
}

export interface Router {
  /** What the answer advises; null: nothing. */
  report(report: Report, nowMs: number): Advice | null;
  /** A client will ask for the hint soon. */
  announce?(hint: string, nowMs: number): void;
  arrive(arrival: Arrival, nowMs: number): void;
  /** The request holds its slot until `finished` or `brokeOff`. The client gets the answer, whatever its status. */
  answered(id: number, answer: Answer, nowMs: number): void;
  finished(id: number, nowMs: number): void;
  /** The answer stopped in the middle and was ended. */
  brokeOff(id: number, nowMs: number): void;
  /** The connection to the replica broke. The request waits again, at its old place as well as may be. */
  failed(id: number, nowMs: number): void;
  /** Time has come to `nextEventMs`. */
  tick(nowMs: number): void;
  /** When the router wants to be called even if nothing happens; Infinity: never. */
  nextEventMs(): number;
}

/** Everything a router may know beforehand: how the operator configured it. */
export interface RouterOptions {
  readonly replicas: number;
  readonly concurrency: number;
  readonly random: () => number;
  readonly timeToLiveMs: number;
  readonly heartbeatMs: number;
}

export type MakeRouter = (actions: Actions, options: RouterOptions) => Router;
