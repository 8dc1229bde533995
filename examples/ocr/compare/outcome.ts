// What became of the pages of one run.
import type { Reading, Report } from "../answers.ts";

/** What became of one page, in the order of arrival. */
export interface Outcome {
  /** From the page's time to the last byte of its answer. */
  readonly latencyMs: number;
  /** Null: it was not read. */
  readonly reading: Reading | null;
  /** Why not. */
  readonly fault: string | null;
  /** The share of its words that were read. */
  readonly wordsRead: number;
}

export interface Run {
  readonly way: string;
  readonly outcomes: readonly Outcome[];
  /** Of each replica, at the end. */
  readonly reports: readonly Report[];
  /** Of all cores' time: what the replicas and what stands before them took, and what everything else on the machine took, this client included. */
  readonly busy: { readonly own: number; readonly other: number };
}
