// Proof for a replica that a request came through this router: HMAC-SHA-256 with ORIGIN_SIGNING_KEY. The signature covers time, method, path with query,
// and the replica that the request is for. It does not cover the body, which streams.
import type { Settings } from "../settings/settings.ts";

const encoder = new TextEncoder();

export interface Signed {
  readonly method: string;
  /** Path and query as sent. */
  readonly target: string;
  readonly replica: string;
}

/** Adds the signature to a request's headers, if there is a key. */
export async function sign(headers: Headers, { ORIGIN_SIGNING_KEY }: Settings, request: Signed): Promise<void> {
  if (ORIGIN_SIGNING_KEY === null) return;
  headers.set("x-warmpath-signature", await signatureOf(ORIGIN_SIGNING_KEY, request, Math.floor(Date.now() / 1000)));
}

/** The value of `x-warmpath-signature` for a request: `t=SECONDS,v1=HEX`. */
export async function signatureOf(key: string, request: Signed, nowSeconds: number): Promise<string> {
  const text = `${nowSeconds}\n${request.method}\n${request.target}\n${request.replica}`;
  const mac = await crypto.subtle.sign("HMAC", await importKey(key), encoder.encode(text));
  const hex = Array.from(new Uint8Array(mac), (byte) => byte.toString(16).padStart(2, "0")).join("");
  return `t=${nowSeconds},v1=${hex}`;
}

function importKey(key: string) {
  return crypto.subtle.importKey("raw", encoder.encode(key), { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
}
