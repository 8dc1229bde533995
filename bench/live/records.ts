// What a client is to do, what came of it, and what replicas note of each request that reached them. Times are `performance.now()`.
import type { Agent } from "node:http";
import type { Asked, Signed } from "./proof.ts";

/** When a client resets its connection. */
export type Leaving =
  | { readonly when: "after"; readonly ms: number }
  | { readonly when: "mid_upload" }
  | { readonly when: "mid_answer" };

export interface Upload {
  readonly bytes: number;
  /** Without a Content-Length. */
  readonly chunked: boolean;
  /** The body is sent in pieces, spread over this long. */
  readonly overMs: number;
}

export interface Sending {
  readonly asked: Asked;
  /** Default: POST if there is an upload, else GET. */
  readonly method?: string;
  /** Path and query at the router, the app included. */
  readonly target: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly upload?: Upload;
  readonly leaving?: Leaving;
  /** A pause after each piece that is read. */
  readonly readPauseMs?: number;
  readonly webSocket?: boolean;
}

/** Where to, and for how long. */
export interface Way {
  readonly port: number;
  readonly agent: Agent;
  readonly patienceMs: number;
  readonly signal: AbortSignal;
}

/** What came of a request. */
export interface Came {
  readonly sentMs: number;
  readonly endedMs: number;
  /** `answered`: to the last byte. `broken`: the connection. `left`: as the client was told. `unanswered`: patience or the run ended. */
  readonly end: "answered" | "broken" | "left" | "unanswered";
  readonly headersMs: number | null;
  readonly status: number | null;
  readonly headers: Readonly<Record<string, string>>;
  /** What the body of a 200 proves, or, as text, what is wrong with it. Null: no such answer. */
  readonly proof: Signed | string | null;
  /** The router's own word for an error, and its detail. Null: the error is not the router's. */
  readonly errorType: string | null;
  readonly detail: string | null;
  /** How the connection broke; null: it did not. */
  readonly cause: string | null;
}

/** How long a served request was in the router's queue, by the router's clock; null: it was not served, or does not say. */
export function queuedMsOf({ status, headers }: Came): number | null {
  const said = /queue;dur=([\d.]+)/.exec(headers["server-timing"] ?? "")?.[1];
  return status !== 200 || said === undefined ? null : Number(said);
}

/** `200`: whole, and from who it says. Status and type of an error; status alone: the replica's own. Or how the request ended without an answer. */
export function resultOf({ end, status, errorType, headers, proof }: Came): string {
  if (end !== "answered") return end;
  if (errorType !== null) return `${status} ${errorType}`;
  const replica = headers["x-fal-served-from"];
  if (status !== 200) return replica === undefined ? `${status} unsigned` : `${status}`;
  return proof !== null && typeof proof !== "string" && proof.replica === replica ? "200" : "wrong answer";
}

/** What a tunnel or Cloudflare answers in the place of a replica that it can't reach. */
export const TUNNEL_STATUSES = [521, 522, 523, 525, 526, 530] as const;

/** What befalls requests at a replica. */
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
  /** 500 to requests for the hint, after as long as a load takes. The replica never holds the hint. */
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

/** A request at a replica. */
export interface Run {
  /** As the client chose it; empty: the request did not say. */
  readonly key: string;
  readonly app: string;
  readonly replica: string;
  readonly incarnation: number;
  readonly method: string;
  readonly beganMs: number;
  /** Requests there, with this one. Those that take no slot (OPTIONS) are not counted. */
  readonly present: number;
  readonly concurrency: number;
  /** What befell it, with the status if it is one; null: it was served. */
  readonly trouble: string | null;
  headersMs: number | null;
  /** When the replica last sent anything of its answer; null: nothing. */
  lastSentMs: number | null;
  status: number | null;
  endedMs: number | null;
  /** `complete`: the whole answer was handed to the system. `reset`: trouble. `left`: the other side closed first. `died`: the replica did. */
  end: "complete" | "reset" | "left" | "died" | null;
  /** `digestOf` its body; null: the body was not read to its end. */
  upload: string | null;
}
