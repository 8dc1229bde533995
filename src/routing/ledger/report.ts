// What a replica reports of itself: a heartbeat as plain data, which src/wire/heartbeat.ts makes from JSON.

export type ReplicaStatus = "starting" | "ready" | "draining";

/** The full report of one replica. Idempotent: each one says everything. */
export interface Heartbeat {
  readonly app: string;
  readonly replica: string;
  /** `scheme://host[:port]` as WHATWG serialises it: lower case, without the scheme's own port. */
  readonly origin: string;
  /** Number of the replica's process; late reports of an earlier one are refused by it. */
  readonly incarnation: number;
  /** Number of the report within its incarnation; null where the replica sends none. */
  readonly sequence: number | null;
  /** What it holds warm; empty: it specialises and holds nothing; null: it does not specialise. */
  readonly hints: readonly string[] | null;
  /** Hints it can hold at once; null: unknown. */
  readonly hintSlots: number | null;
  /** Requests it takes at once. */
  readonly concurrency: number;
  /** Requests it is serving by its own count; null: not said. */
  readonly inFlight: number | null;
  readonly status: ReplicaStatus | "stopped";
}
