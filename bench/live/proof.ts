// What a client asks of a live replica, and an answer that proves who gave it and that it is whole. The answer's first line names the request,
// the app and the replica. Then come as many bytes as the client asked for, made from the request's key.
import { createHash } from "node:crypto";

/** Sent with each request. The router passes the header on as it is. */
export const ASKED_HEADER = "x-live-asked";
/** The `digestOf` what the replica read of the request's body. */
export const UPLOAD_HEADER = "x-live-upload";
/** What the request found at the replica: `warm` or `load`. */
export const FOUND_HEADER = "x-live-found";
/** The message that makes a replica close a WebSocket, and with which code. */
export const CLOSE_WORD = "close please";
export const CLOSE_CODE = 4000;

export interface Asked {
  /** Names the request; chosen by the client. */
  readonly key: string;
  readonly app: string;
  /** Null: any replica will do. */
  readonly hint: string | null;
  /** How long the replica works. A load of the hint comes on top. */
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

const LINE_LENGTH_MAX = 1000;

export function answerBody({ key, bytes }: Asked, { app, replica, incarnation }: Omit<Signed, "key">): Buffer {
  const signed: Signed = { key, app, replica, incarnation };
  return Buffer.concat([Buffer.from(`${JSON.stringify(signed)}\n`), filler(key, bytes)]);
}

/** What the body proves, or, as text, what is wrong with it. */
export function provenBy(body: Buffer, asked: Asked): Signed | string {
  const lineEnd = body.subarray(0, LINE_LENGTH_MAX).indexOf("\n");
  if (lineEnd < 0) return `it has no first line: ${body.length} bytes`;
  const signed = signedBy(body.subarray(0, lineEnd).toString(), asked);
  if (typeof signed === "string") return signed;
  const rest = body.subarray(lineEnd + 1);
  if (rest.length !== asked.bytes) return `it has ${rest.length} bytes instead of ${asked.bytes}`;
  return rest.equals(filler(asked.key, asked.bytes)) ? signed : "its bytes are not those that were sent";
}

/** Who signed the line, or, as text, what is wrong with it. */
export function signedBy(line: string, { key, app }: Asked): Signed | string {
  try {
    const signed = JSON.parse(line) as Signed;
    if (signed.key !== key) return `it answers the request ${signed.key}`;
    return signed.app === app ? signed : `it comes from the app ${signed.app}`;
  } catch {
    return "its first line is not a replica's";
  }
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
