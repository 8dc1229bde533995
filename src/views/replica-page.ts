// The replicas that one page of a long list shows.
import { isReady, loadOf, type Replica } from "../routing/ledger/replica.ts";
import type { Fleet } from "../routing/ledger/fleet.ts";
import { LIMITS } from "../routing/limits.ts";
import { viewReplica, type ReplicaView } from "./replica.ts";

/** `load`: fullest first. `trouble`: those first that get nothing now or have failed of late. */
export const REPLICA_ORDERS = ["name", "load", "trouble"] as const;
export type ReplicaOrder = (typeof REPLICA_ORDERS)[number];

export interface ReplicaPage {
  readonly replicas: readonly ReplicaView[];
  /** How many there are whose name, origin or hints contain the text. */
  readonly found: number;
  /** From 1 on; the last page there is, if the one that was asked for lies beyond. */
  readonly page: number;
  readonly pages: number;
}

/** `find`: case does not matter. O(n log n), and the hints of all replicas if a text is looked for. */
export function replicaPage({ replicas }: Fleet, order: ReplicaOrder, find: string, page: number, now: number): ReplicaPage {
  const text = find.toLowerCase();
  const found = [...replicas.values()].filter((replica) => text === "" || mentions(replica, text));
  const rank = RANKS[order];
  const ranks = new Map(found.map((replica) => [replica, rank(replica, now)]));
  found.sort((a, b) => (ranks.get(b) ?? 0) - (ranks.get(a) ?? 0) || (a.id < b.id ? -1 : 1));
  const pages = Math.max(1, Math.ceil(found.length / LIMITS.replicasPerPage));
  const shown = Math.min(Math.max(1, page), pages);
  const from = (shown - 1) * LIMITS.replicasPerPage;
  const views = found.slice(from, from + LIMITS.replicasPerPage).map((replica) => viewReplica(replica, now));
  return { replicas: views, found: found.length, page: shown, pages };
}

const RANKS: Readonly<Record<ReplicaOrder, (replica: Replica, now: number) => number>> = {
  name: () => 0,
  load: (replica) => loadOf(replica) / replica.concurrency,
  trouble: (replica, now) => {
    if (replica.ejectedUntilMs > now) return 4;
    if (!isReady(replica)) return 3;
    if (replica.ejectedFor !== null) return 2;
    return replica.lastError === null ? 0 : 1;
  },
};

function mentions({ id, origin, advertised, loading }: Replica, text: string): boolean {
  const has = (name: string) => name.toLowerCase().includes(text);
  return has(id) || has(origin) || [...(advertised?.keys() ?? [])].some(has) || [...loading.keys()].some(has);
}
