// The way to replicas: the runtime's own fetch, or an optional binding to a private network that they are in (Workers VPC).

/** Not in the generated `Env` while wrangler.toml has it commented out. */
interface Bound {
  /** Its `fetch` takes a request to the host and port of its URL within the network. */
  readonly REPLICA_NETWORK?: Fetcher;
}

/** Whatever sends requests to replicas. If the binding is there, all go through it: what a private name resolves to outside is somebody else's. */
export type ReplicaNetwork = Pick<Fetcher, "fetch">;

/** Null: replicas are reached by the runtime's own fetch. */
export function replicaNetwork(env: Cloudflare.Env): ReplicaNetwork | null {
  return (env as Bound).REPLICA_NETWORK ?? null;
}
