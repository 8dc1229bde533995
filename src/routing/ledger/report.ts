// What a replica reports of itself: a heartbeat as plain data, which src/wire/heartbeat.ts makes from JSON.

export type ReplicaStatus = "starting" | "ready" | "draining";

/** The full report of one replica. Each report says everything, so a lost one does no harm. */
export interface Heartbeat {
  readonly app: string;
  readonly replica: string;
  /** `scheme://host[:port]` as WHATWG serialises it: lower case, without the scheme's own port. */
  readonly origin: string;
  /** The number of the replica's process. By this number late reports of an earlier process are refused. */
  readonly incarnation: number;
  /** The number of the report within its incarnation; null: the replica sends none. */
  readonly sequence: number | null;
  /** The hints that the replica holds warm; empty: it specialises and holds none; null: it does not specialise. */
  readonly hints: readonly string[] | null;
  /** How many hints the replica can hold at once; null: unknown. */
  readonly hintSlots: number | null;
  /** How many requests the replica takes at once. */
  readonly concurrency: number;
  /** How many requests the replica counts that it is serving; null: it does not say. */
  readonly inFlight: number | null;
  readonly status: ReplicaStatus | "stopped";
}
