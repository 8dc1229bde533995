// What can befall a request at a live replica, besides being served.
import { createHash } from "node:crypto";

/** What a tunnel or Cloudflare answers in the place of a replica that it can't reach. */
export const TUNNEL_STATUSES = [521, 522, 523, 525, 526, 530] as const;

export type Trouble =
  /** Read, then the connection is reset. */
  | { readonly kind: "reset_before_headers" }
  /** Headers and a part of the body, then the connection is reset. */
  | { readonly kind: "reset_mid_body" }
  /** Headers and a part of the body, then nothing; the connection stays open. WebSockets are served. */
  | { readonly kind: "stall" }
  /** This answer to everything, at once. */
  | { readonly kind: "status"; readonly status: number }
  /** 500 in place of the answer to such a share of the requests, drawn from their keys. */
  | { readonly kind: "errs"; readonly share: number }
  /** 500 to requests for the hint, after as long as a load takes; it never holds it. */
  | { readonly kind: "fails_hint"; readonly hint: string }
  /** 503 at once to what comes while half of its concurrency, rounded down, is taken: something else uses the rest. */
  | { readonly kind: "full" }
  /** After an answer the connection looks kept, but the next request on it is reset unread. */
  | { readonly kind: "closes_kept" }
  /** No answer until the other side gives up. */
  | { readonly kind: "hang" }
  /** Nothing goes on until `thaw`: the process is stopped, and its connections stay open. `LiveReplica.freeze` begins it. */
  | { readonly kind: "freeze" }
  /** Everything takes so many times as long. */
  | { readonly kind: "slow"; readonly factor: number };

/** Trouble as one word. */
export function nameOf(trouble: Trouble): string {
  return trouble.kind === "status" ? `status_${trouble.status}` : trouble.kind;
}

/** Whether a request is among a share of all, the same each time for its key and the replica. */
export function isAmong(share: number, key: string, replica: string): boolean {
  const drawn = createHash("sha256").update(`${replica} ${key}`).digest().readUInt32BE();
  return drawn < share * 2 ** 32;
}
