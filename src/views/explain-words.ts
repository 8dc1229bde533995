// A decision in words.
import type { Explanation } from "./explain.ts";

/** The reasons that a decision can have (docs/protocol.md). */
const REASONS: Readonly<Record<string, string>> = {
  hint_match: "it is warm for the hint and has a free slot",
  hint_wait: "it is warm for the hint",
  hash_owner: "no warm replica is free, and it is the first in the hint's hash order, so it would load the hint",
  hash_spill: "no warm replica is free, and to load the hint costs least there",
  least_loaded: "it is the least loaded",
};

/** One sentence. */
export function inWords(app: string, { hints, decision }: Explanation): string {
  const request = hints.length === 0 ? `A request without hints for ${app}` : `A request for ${app} with ${hints.join(", ")}`;
  switch (decision.outcome) {
    case "grant": {
      const why = REASONS[decision.reason] ?? "";
      return `${request} would go to ${decision.replica} (${decision.reason})${why === "" ? "" : `: ${why}`}.`;
    }
    case "wait": {
      const { expected_wait_s: expected, worth_waiting_s: worth } = decision;
      if (expected === null || worth === null) return `${request} would wait: no replica that may take it has a free slot.`;
      return `${request} would wait for a warm replica: ${expected} s are expected, and up to ${worth} s are better than a load.`;
    }
    case "refuse":
      return `${request} would be refused (${decision.error_type}).`;
  }
}
