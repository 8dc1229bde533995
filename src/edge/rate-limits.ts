// The optional Rate Limiting bindings of Cloudflare, which bound what floods can make the objects do. Without a binding there is no limit.
import type { RouterError } from "../router-error.ts";
import { BOUNDS } from "../limits.ts";
import { clientAddress } from "./headers.ts";

/** Not in the generated `Env` while wrangler.toml has them commented out. */
interface RateLimits {
  /** Counts heartbeats by replica, and heartbeats without a valid token by client. */
  readonly HEARTBEAT_LIMIT?: RateLimit;
  /** Counts requests for apps that this isolate does not know, by client. */
  readonly UNKNOWN_APP_LIMIT?: RateLimit;
}

/** Counts one for the key. Gives the error once there were too many. A limiter that fails refuses nobody. */
export async function rateFault(
  env: Cloudflare.Env,
  name: keyof RateLimits,
  key: string,
  detail: string,
): Promise<RouterError | null> {
  const limiter = (env as RateLimits)[name];
  if (limiter === undefined) return null;
  try {
    if ((await limiter.limit({ key })).success) return null;
  } catch (error) {
    console.warn(JSON.stringify({ message: "a rate limit could not be asked", name, error: String(error) }));
    return null;
  }
  return { type: "rate_limited", detail, retryAfterMs: BOUNDS.rateLimitRetryMs };
}

/** Neither part can hold a space, so no two replicas share a key, and no replica's key is a client's. */
export function replicaKey(app: string, replica: string): string {
  return `replica ${app} ${replica}`;
}

/** The client by its address. Of an IPv6 address the /64 counts, since one client can use every address in it. Clients without an address share one key. */
export function clientKey(request: Request): string {
  const address = clientAddress(request) ?? "unknown";
  return `client ${address.includes(":") ? networkOf(address) : address}`;
}

/** The first four groups of an IPv6 address. */
function networkOf(address: string): string {
  const groupsOf = (part: string) => (part === "" ? [] : part.split(":"));
  const [before = "", after] = address.split("::");
  const [head, tail] = [groupsOf(before), groupsOf(after ?? "")];
  const zeros = after === undefined ? 0 : Math.max(0, 8 - head.length - tail.length);
  return [...head, ...Array<string>(zeros).fill("0"), ...tail].slice(0, 4).join(":");
}
