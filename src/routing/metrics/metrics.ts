// What is counted of a fleet for an operator's graphs: plain numbers that only grow. The scheduler and what follows a grant teach these. Nothing decides by
// them. What can be read off the fleet itself (replicas, slots, the queue) is not here but in src/views/gauges.ts.
import { createHistogram, observeMs, type Histogram } from "./histogram.ts";
import {
  HEARTBEATS,
  LOAD_KINDS,
  OUTCOMES,
  REASONS,
  REFUSALS,
  type GrantReason,
  type LoadKind,
  type RequestOutcome,
} from "./labels.ts";

export interface Metrics {
  /** Requests that were sent to a replica and are over, once for each replica that they were sent to. */
  readonly requests: Record<GrantReason, Record<RequestOutcome, number>>;
  readonly refusals: Record<(typeof REFUSALS)[number], number>;
  readonly heartbeats: Record<(typeof HEARTBEATS)[number], number>;
  /** Loads that were begun, and the time that those which ended well took of their replicas, in seconds. */
  readonly loads: Record<LoadKind, number>;
  readonly loadSeconds: Record<LoadKind, number>;
  ejections: number;
  /** Hints that clients announced, and those of them that replicas were advised to load. */
  prewarms: number;
  advices: number;
  /** Requests that were let in again after a replica had failed them. */
  retries: number;
  /** From the request's arrival at the router to its grant, without retries. */
  readonly queueWait: Histogram;
  /** From the grant to the response headers, and to the end, of requests that went well. */
  readonly firstByte: Histogram;
  readonly service: Histogram;
  /** How much later than a warm request a cold one had its response headers. */
  readonly load: Histogram;
}

/** What is remembered of a request that was sent until it is counted. */
export interface Counted {
  readonly reason: GrantReason;
  /** Null: the request did not make its replica load anything. */
  readonly loads: LoadKind | null;
  /** Whether its outcome is counted. */
  counted: boolean;
}

export function createMetrics(): Metrics {
  return {
    requests: zeros(REASONS, () => zeros(OUTCOMES, () => 0)),
    refusals: zeros(REFUSALS, () => 0),
    heartbeats: zeros(HEARTBEATS, () => 0),
    loads: zeros(LOAD_KINDS, () => 0),
    loadSeconds: zeros(LOAD_KINDS, () => 0),
    ejections: 0,
    prewarms: 0,
    advices: 0,
    retries: 0,
    queueWait: createHistogram(),
    firstByte: createHistogram(),
    service: createHistogram(),
    load: createHistogram(),
  };
}

/** The request is granted. `waitedMs`: since it arrived at the router; null: it is a retry. O(1). */
export function countGrant(metrics: Metrics, loads: LoadKind | null, waitedMs: number | null): void {
  if (waitedMs !== null) observeMs(metrics.queueWait, waitedMs);
  if (loads !== null) metrics.loads[loads]++;
}

/** What became of the request. What is told first counts. O(1). */
export function countOutcome(metrics: Metrics, its: Counted, outcome: RequestOutcome): void {
  if (its.counted) return;
  its.counted = true;
  metrics.requests[its.reason][outcome]++;
}

/** The response headers of a success came. `loadMs`: how much of the time was the load. O(1). */
export function countAnswer(metrics: Metrics, { loads }: Counted, afterMs: number, loadMs: number): void {
  observeMs(metrics.firstByte, afterMs);
  if (loads === null) return;
  observeMs(metrics.load, loadMs);
  metrics.loadSeconds[loads] += Math.max(0, loadMs) / 1000;
}

/** Requests that an isolate has sent by itself, without a wait; of those that went well it tells sums of times alone, so each counts as their mean. O(1). */
export function countDirect(
  metrics: Metrics,
  reason: GrantReason,
  { sent, succeeded, answerMs, heldMs }: { sent: number; succeeded: number; answerMs: number; heldMs: number },
): void {
  if (sent > 0) observeMs(metrics.queueWait, 0, sent);
  if (succeeded === 0) return;
  metrics.requests[reason].success += succeeded;
  observeMs(metrics.firstByte, answerMs / succeeded, succeeded);
  observeMs(metrics.service, heldMs / succeeded, succeeded);
}

/** Adds what was stored before a restart. What an earlier release stored under other names, or with other buckets, is left out. */
export function addStored(metrics: Metrics, stored: unknown): void {
  addNumbers(metrics as unknown as Record<string, unknown>, stored);
}

function addNumbers(into: Record<string, unknown>, stored: unknown): void {
  if (!isRecord(stored)) return;
  if ("bounds" in into && JSON.stringify(into["bounds"]) !== JSON.stringify(stored["bounds"])) return;
  for (const [name, value] of Object.entries(into)) {
    const more = stored[name];
    if (name === "bounds") continue;
    if (typeof value === "number" && typeof more === "number" && more >= 0) into[name] = value + more;
    else if (isRecord(value)) addNumbers(value, more);
  }
}

/** A list is one too: its places are its names. */
function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function zeros<Name extends string, T>(names: readonly Name[], of: () => T): Record<Name, T> {
  return Object.fromEntries(names.map((name) => [name, of()])) as Record<Name, T>;
}
