// What can befall a request at a live replica, besides being served.

/** What a tunnel or Cloudflare answers in the place of a replica that it can't reach. */
export const TUNNEL_STATUSES = [521, 522, 523, 525, 526, 530] as const;

export type Trouble =
  /** Read, then the connection is reset. */
  | { readonly kind: "reset_before_headers" }
  /** Headers and a part of the body, then the connection is reset. */
  | { readonly kind: "reset_mid_body" }
  | { readonly kind: "status"; readonly status: number }
  /** No answer until the other side gives up. */
  | { readonly kind: "hang" }
  /** Everything takes so many times as long. */
  | { readonly kind: "slow"; readonly factor: number };

/** Trouble as one word. */
export function nameOf(trouble: Trouble): string {
  return trouble.kind === "status" ? `status_${trouble.status}` : trouble.kind;
}
