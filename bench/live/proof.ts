// What a client asks of a live replica, and an answer that proves who gave it and that it is whole: its first line names the request, the app
// and the replica, and then come as many bytes as were asked for, made from the request's key.
import { createHash } from "node:crypto";

/** Sent with each request. The router passes the header on as it is. */
export const ASKED_HEADER = "x-live-asked";
/** What the replica read of the request's body, as `digestOf` says it. */
export const UPLOAD_HEADER = "x-live-upload";
/** `warm` or `load`. */
export const FOUND_HEADER = "x-live-found";

export interface Asked {
  /** Names the request; chosen by the client. */
  readonly key: string;
  readonly app: string;
  /** Null: any replica will do. */
  readonly hint: string | null;
  /** How long the replica works at it, a load of the hint not counted. */
  readonly serviceMs: number;
  /** Of the answer, after its first line. */
  readonly bytes: number;
  /** `whole`: with a length, in one piece. `paced`: with a length, in pieces. `chunked`: without a length, in pieces. */
  readonly shape: "whole" | "paced" | "chunked";
}

export interface Signed {
  readonly key: string;
  readonly app: string;
  readonly replica: string;
  readonly incarnation: number;
}

/** Pieces of a paced or chunked answer; the service time is spread over them. */
export const PIECES = 5;

const LINE_LENGTH_MAX = 1000;

export function answerBody(
  asked: Asked,
  by: { readonly replica: string; readonly incarnation: number; readonly app: string },
): Buffer {
  const signed: Signed = { key: asked.key, app: by.app, replica: by.replica, incarnation: by.incarnation };
  return Buffer.concat([Buffer.from(`${JSON.stringify(signed)}\n`), filler(asked.key, asked.bytes)]);
}

/** What the body proves; or, as text, what is wrong with it. */
export function provenBy(body: Buffer, asked: Asked): Signed | string {
  const lineEnd = body.subarray(0, LINE_LENGTH_MAX).indexOf("\n");
  if (lineEnd < 0) return `it has no first line: ${body.length} bytes`;
  const signed = parse(body.subarray(0, lineEnd).toString());
  if (signed === null) return "its first line is not a replica's";
  if (signed.key !== asked.key) return `it answers the request ${signed.key}`;
  if (signed.app !== asked.app) return `it comes from the app ${signed.app}`;
  const rest = body.subarray(lineEnd + 1);
  if (rest.length !== asked.bytes) return `it has ${rest.length} bytes instead of ${asked.bytes}`;
  return rest.equals(filler(asked.key, asked.bytes)) ? signed : "its bytes are not those that were sent";
}

/** The body of a request. */
export function uploadOf(key: string, bytes: number): Buffer {
  return filler(`upload ${key}`, bytes);
}

export function digestOf(body: Buffer): string {
  return `${body.length}:${createHash("sha256").update(body).digest("hex").slice(0, 16)}`;
}

function filler(key: string, bytes: number): Buffer {
  return Buffer.alloc(bytes, `${key}|`);
}

function parse(line: string): Signed | null {
  try {
    return JSON.parse(line) as Signed;
  } catch {
    return null;
  }
}
