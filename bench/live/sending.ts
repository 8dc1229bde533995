// What a client is to do, and what came of it: the ledger's terms.
import type { Agent } from "node:http";
import { ASKED_HEADER, type Asked, type Signed } from "./proof.ts";

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
  readonly method: string;
  /** Path and query at the router, the app included. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly upload: Upload | null;
  readonly leaving: Leaving | null;
  /** A pause after each piece that is read; 0: reads as fast as it comes. */
  readonly readPauseMs: number;
  /** Instead of a request and its answer. */
  readonly webSocket: boolean;
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

export function headersOf({ asked, headers }: Sending): Record<string, string> {
  return {
    ...headers,
    [ASKED_HEADER]: JSON.stringify(asked),
    ...(asked.hint === null ? {} : { "x-fal-runner-hint": asked.hint }),
  };
}

/** The router's word for an error, and its detail. */
export function errorOf(headers: Readonly<Record<string, string>>, body: string): Pick<Came, "errorType" | "detail"> {
  const errorType = headers["x-fal-error-type"] ?? null;
  return { errorType, detail: errorType === null ? null : (/"detail":"([^"]*)"/.exec(body)?.[1] ?? null) };
}

export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return "code" in error ? `${String(error.code)} ${error.message}` : error.message;
}
