// What came of a request, as one of a closed set.
import type { Came } from "../../live/sending.ts";

export type Outcome =
  /** 200, whole, and from who it says. */
  | "complete"
  /** 200 that ended in good order but is not what the replica sent. */
  | "wrong_answer"
  /** An error status of the replica's own. */
  | "replica_error"
  | "runner_disconnected"
  /** 504: the replica did not begin to answer in time. */
  | "first_byte_timeout"
  /** 504: no slot before the deadline. */
  | "queue_timeout"
  | "upload_timeout"
  | "queue_full"
  | "no_replicas"
  | "scheduling_failure"
  | "app_not_found"
  /** Any other answer of the router's own, or one that nobody signed. */
  | "other_error"
  /** The client's connection broke. */
  | "broken"
  /** The client left, as it was told. */
  | "left"
  /** No end within a time in which everything must have ended. */
  | "unanswered";

const BY_ERROR_TYPE: Readonly<Record<string, Outcome>> = {
  runner_disconnected: "runner_disconnected",
  upload_timeout: "upload_timeout",
  queue_full: "queue_full",
  no_replicas: "no_replicas",
  runner_scheduling_failure: "scheduling_failure",
  app_not_found: "app_not_found",
};

const STATUSES: Readonly<Partial<Record<Outcome, number>>> = {
  runner_disconnected: 502,
  upload_timeout: 408,
  queue_full: 429,
  no_replicas: 503,
  scheduling_failure: 503,
  app_not_found: 404,
};

export function outcomeOf(came: Came | null): Outcome {
  if (came === null || came.end === "unanswered") return "unanswered";
  if (came.end !== "answered") return came.end;
  const { status, errorType, proof, headers, detail } = came;
  if (errorType === "request_timeout" && status === 504) {
    return detail?.startsWith("The replica did not begin") === true ? "first_byte_timeout" : "queue_timeout";
  }
  if (errorType !== null) {
    const outcome = BY_ERROR_TYPE[errorType] ?? "other_error";
    return STATUSES[outcome] === status ? outcome : "other_error";
  }
  const replica = headers["x-fal-served-from"];
  if (replica === undefined) return "other_error";
  if (status !== 200) return "replica_error";
  return proof !== null && typeof proof !== "string" && proof.replica === replica ? "complete" : "wrong_answer";
}
