// What can befall a request at a live replica, and what that notes of each that reached it. Times are `performance.now()`.

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
  /** Nothing goes on until `thaw`: the process is stopped, and its connections stay open. `freeze` begins it. */
  | { readonly kind: "freeze" }
  /** Everything takes so many times as long. */
  | { readonly kind: "slow"; readonly factor: number };

/** `complete`: the whole answer was handed to the system. `reset`: trouble. `left`: the other side closed first. `died`: the replica did. */
export type RunEnd = "complete" | "reset" | "left" | "died";

export interface Run {
  /** As the client chose it; empty: the request did not say. */
  readonly key: string;
  readonly app: string;
  readonly replica: string;
  readonly incarnation: number;
  readonly method: string;
  readonly beganMs: number;
  /** Requests there with it, itself among them; those that take no slot (OPTIONS) not counted. */
  readonly present: number;
  readonly concurrency: number;
  /** What befell it, with the status where it is one; null: it was served. */
  readonly trouble: string | null;
  headersMs: number | null;
  /** When it last sent anything of its answer; null: nothing. */
  lastSentMs: number | null;
  status: number | null;
  endedMs: number | null;
  end: RunEnd | null;
  /** `digestOf` its body; null: the body was not read to its end. */
  upload: string | null;
}
