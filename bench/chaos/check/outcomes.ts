// What came of a request, as one of a closed set.
import type { Came } from "../../live/sending.ts";

export type Outcome =
  /** 200, whole, and from who it says. */
  | "complete"
  /** 200 that ended in good order but is not what the replica sent. */
  | "wrong_answer"
  /** An error status of the replica's own. */
  | "replica_error"
  /** 504: the replica did not begin to answer in time, or there was no slot before the deadline. */
  | "first_byte_timeout"
  | "queue_timeout"
  /** Other answers of the router's own. */
  | "runner_disconnected"
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

/** By the router's word for an error, and its status. */
const REFUSALS: Readonly<Record<string, Outcome>> = {
  "502 runner_disconnected": "runner_disconnected",
  "408 upload_timeout": "upload_timeout",
  "429 queue_full": "queue_full",
  "503 no_replicas": "no_replicas",
  "503 runner_scheduling_failure": "scheduling_failure",
  "404 app_not_found": "app_not_found",
  "504 request_timeout": "queue_timeout",
};

export function outcomeOf(came: Came | null): Outcome {
  if (came === null || came.end === "unanswered") return "unanswered";
  if (came.end !== "answered") return came.end;
  const { status, errorType, proof, headers, detail } = came;
  if (errorType !== null) {
    const outcome = REFUSALS[`${status} ${errorType}`] ?? "other_error";
    const inVain = outcome === "queue_timeout" && detail?.startsWith("The replica did not begin") === true;
    return inVain ? "first_byte_timeout" : outcome;
  }
  const replica = headers["x-fal-served-from"];
  if (replica === undefined) return "other_error";
  if (status !== 200) return "replica_error";
  return proof !== null && typeof proof !== "string" && proof.replica === replica ? "complete" : "wrong_answer";
}
