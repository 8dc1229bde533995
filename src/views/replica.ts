// A replica as the admin endpoints show it.
import type { Failure } from "../routing/health/outcome.ts";
import { heldHints, inFlight, type Replica } from "../routing/ledger/replica.ts";
import type { ReplicaStatus } from "../routing/ledger/report.ts";

export interface ReplicaView {
  readonly replica: string;
  readonly origin: string;
  readonly incarnation: number;
  readonly sequence: number | null;
  readonly status: ReplicaStatus;
  readonly drained: boolean;
  readonly hints: readonly string[] | null;
  readonly loading: readonly string[];
  readonly hint_slots: number | null;
  readonly hints_held: number;
  readonly concurrency: number;
  readonly in_flight: number;
  readonly served: number;
  readonly expires_in_ms: number;
  /** Until it is no longer passed over for its failures. */
  readonly ejected_for_ms: number;
  /** Ejections since it was last trusted: each further one is twice as long. */
  readonly ejections: number;
  /** Ejected since it was last trusted: it gets one request at a time. */
  readonly on_probation: boolean;
  /** The last failure that was told of it, in this incarnation; null: none was. */
  readonly last_error: { readonly kind: Failure["kind"]; readonly detail: string; readonly ago_ms: number } | null;
}

export function viewReplica(replica: Replica, now: number): ReplicaView {
  const { lastError } = replica;
  return {
    replica: replica.id,
    origin: replica.origin,
    incarnation: replica.incarnation,
    sequence: replica.sequence,
    status: replica.status,
    drained: replica.drained,
    hints: replica.advertised && [...replica.advertised.keys()],
    loading: [...replica.loading].filter(([, load]) => load.untilMs > now).map(([hint]) => hint),
    hint_slots: replica.hintSlots,
    hints_held: heldHints(replica),
    concurrency: replica.concurrency,
    in_flight: inFlight(replica),
    served: replica.served,
    expires_in_ms: Math.max(0, replica.expiresAtMs - now),
    ejected_for_ms: Math.max(0, replica.ejectedUntilMs - now),
    ejections: replica.ejections,
    on_probation: replica.ejectedFor !== null,
    last_error: lastError && { kind: lastError.kind, detail: lastError.detail, ago_ms: Math.max(0, now - lastError.atMs) },
  };
}
