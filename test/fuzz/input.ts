// One input of the fuzzer: bytes for a connection, and what the router may answer to them. Outcomes are short texts:
// `400 bad_request` (the router's error; with its field for `invalid_heartbeat`), `200 from t1` (a replica's answer), `200 router`
// (the control plane's), `400 http` (the HTTP layer's, before the Worker), `closed` (no answer, the connection ended).
import type { Draw } from "./draw.ts";

export const KINDS = [
  "heartbeat",
  "hint",
  "body",
  "header",
  "target",
  "method",
  "handshake",
  "mutated",
  "bytes",
  "setting",
] as const;
export type Kind = (typeof KINDS)[number];

export interface Input {
  readonly kind: Kind;
  /** What is wrong with it, in a word or two. */
  readonly fault: string;
  readonly bytes: Buffer;
  /** What each answer to it must be one of. */
  readonly allowed: readonly string[];
  /** Its answers have no body. */
  readonly head: boolean;
  /**
   * Needs a connection of its own, half closed after the last byte, because what the HTTP layer makes of it is open. It may hold
   * any number of requests.
   */
  readonly alone: boolean;
  /** Under which number the replica that it reaches records it, and the target it must get; null: it carries no number. */
  readonly marked: { readonly number: number; readonly target: string } | null;
}

/** The apps and their replicas: requests are for `target`, few mean `bystander`, and heartbeats name `beats`. */
export const APPS = { target: "t1", bystander: "b1", beats: "h1" } as const;
/** Nobody is there. The replica of `beats` gets no requests. */
export const BEATS_ORIGIN = "http://127.0.0.1:9";
/** The host that every request asks for, so that inputs do not depend on where the router listens. */
export const HOST = "router.test";

/** Good for `scratch` alone, of which heartbeats may say anything. */
export const SCRATCH_TOKEN = "scratch-token";

/** Refused before the Worker sees it. */
export const HTTP_LAYER = ["400 http", "414 http", "431 http", "501 http", "closed"] as const;
export const SERVED = ["200 from t1"] as const;
export const BAD_REQUEST = ["400 bad_request"] as const;

/** Carries an input's number to the replica. */
export const MARK = "x-fuzz";

/** Carries the SHA-256 of the body to the replica, which answers 500 if it got another. */
export const BODY = "x-fuzz-body";

/** A heartbeat's body and what must be answered to it. */
export interface Said {
  readonly fault: string;
  readonly body: Buffer;
  readonly allowed: readonly string[];
}

export type Generator = (draw: Draw, number: number) => Input;

export interface RequestParts {
  readonly method?: string;
  readonly target: string;
  /** Lines as they go out, Latin-1, without their ends. */
  readonly lines?: readonly string[];
  readonly host?: string;
  readonly body?: Buffer | null;
  /** Sizes of chunks; none: Content-Length. */
  readonly chunks?: readonly number[] | null;
}

/** A request as bytes, well framed. */
export function requestBytes(parts: RequestParts): Buffer {
  const { method = "GET", target, lines = [], host = HOST, body = null, chunks = null } = parts;
  const framing = body === null ? [] : [chunks === null ? `content-length: ${body.length}` : "transfer-encoding: chunked"];
  const head = [`${method} ${target} HTTP/1.1`, `host: ${host}`, ...framing, ...lines, "", ""].join("\r\n");
  const sent = body === null ? [] : chunks === null ? [body] : chunked(body, chunks);
  return Buffer.concat([Buffer.from(head, "latin1"), ...sent]);
}

function chunked(body: Buffer, sizes: readonly number[]): Buffer[] {
  const parts: Buffer[] = [];
  let at = 0;
  for (let turn = 0; at < body.length; turn++) {
    const chunk = body.subarray(at, at + (sizes[turn % sizes.length] ?? 1));
    parts.push(Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from("\r\n"));
    at += chunk.length;
  }
  return [...parts, Buffer.from("0\r\n\r\n")];
}
