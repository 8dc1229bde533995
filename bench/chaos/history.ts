// Everything that is known of a run when it is over, as plain data. The checker reads nothing else.
import type { Held } from "../live/fleet.ts";
import type { Beat } from "../live/member.ts";
import type { Sent } from "../live/load.ts";
import type { Run } from "../live/records.ts";
import type { Injected } from "./faults.ts";
import type { ReplicaShape } from "./settings.ts";
import type { ChaosSending } from "./traffic.ts";

/** What the router said of an app at a moment of the run. */
export interface Sample {
  readonly atMs: number;
  readonly app: string;
  readonly inFlight: number;
  /** Ids of the replicas that it knew. */
  readonly listed: readonly string[];
}

export interface End {
  /** When the last fault was over. */
  readonly quietMs: number;
  /** When every replica was listed, ready and not passed over; null: not in time. Then `missing` says what was missing last. */
  readonly wholeMs: number | null;
  readonly missing: readonly string[];
  /** The final round: for each app and hint two requests, one after the other. */
  readonly touches: readonly Sent<ChaosSending>[];
  /** What was still held or ran after everything had ended. */
  readonly held: readonly Held[];
  /** Apps that the Directory lists. */
  readonly apps: readonly string[];
}

export interface History {
  readonly replicas: readonly ReplicaShape[];
  readonly sent: readonly Sent<ChaosSending>[];
  readonly runs: readonly Run[];
  readonly beats: readonly Beat[];
  readonly injected: readonly Injected[];
  readonly samples: readonly Sample[];
  /** workerd's log. */
  readonly log: readonly { readonly atMs: number; readonly line: string }[];
  readonly end: End;
}
