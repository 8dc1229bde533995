// What a client is to do, and what came of it: the ledger's terms.
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
  /** Spread over this long. */
  readonly overMs: number;
}

export interface Sending {
  readonly asked: Asked;
  /** Without it GET, or POST where there is an upload. */
  readonly method?: string;
  /** Path and query at the router, the app included. */
  readonly target: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly upload?: Upload;
  readonly leaving?: Leaving;
  /** A pause after each piece that is read; without it, it reads as fast as it comes. */
  readonly readPauseMs?: number;
  /** Instead of a request and its answer. */
  readonly webSocket?: boolean;
}

/** Where to, and for how long. */
export interface Way {
  readonly port: number;
  readonly agent: Agent;
  readonly patienceMs: number;
  readonly signal: AbortSignal;
}

/** What came of a request. Times are `performance.now()`. */
export interface Came {
  readonly sentMs: number;
  readonly endedMs: number;
  /** `answered`: to the last byte. `broken`: the connection. `left`: as it was told. `unanswered`: patience or the run ended. */
  readonly end: "answered" | "broken" | "left" | "unanswered";
  readonly headersMs: number | null;
  readonly status: number | null;
  readonly headers: Readonly<Record<string, string>>;
  /** What the body of a 200 proves; as text, what is wrong with it. Null: no such answer. */
  readonly proof: Signed | string | null;
  /** The router's own word for an error, and its detail; null: it is not the router's. */
  readonly errorType: string | null;
  readonly detail: string | null;
  /** How the connection broke; null: it did not. */
  readonly cause: string | null;
}

/** How long a served request was in the router's queue, by the router's own clock; null: it was not served, or does not say. */
export function queuedMsOf({ status, headers }: Came): number | null {
  const said = /queue;dur=([\d.]+)/.exec(headers["server-timing"] ?? "")?.[1];
  return status !== 200 || said === undefined ? null : Number(said);
}

/** A 200 that is whole and comes from who it says. */
export function isProven({ end, status, proof }: Came): boolean {
  return end === "answered" && status === 200 && proof !== null && typeof proof !== "string";
}
