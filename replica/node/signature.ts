// Whether a request came through the router: `x-warmpath-signature`, with Web Crypto. The comparison takes the same time wherever the two differ.
import { LIMITS } from "./limits.ts";

const encoder = new TextEncoder();

export interface SignedRequest {
  readonly method: string;
  /** Path and query as they stood on the wire. */
  readonly target: string;
  /** This replica's id. */
  readonly replica: string;
  /** The value of `x-warmpath-signature`; null or undefined: the request has none. */
  readonly header: string | null | undefined;
}

/** `key`: the router's ORIGIN_SIGNING_KEY, or several of which one must fit. A signature is good for 300 s. */
export async function isFromRouter(
  key: string | readonly string[],
  { method, target, replica, header }: SignedRequest,
  nowSeconds = Date.now() / 1000,
): Promise<boolean> {
  const [, time = "", hex = ""] = /^t=(\d{1,12}),v1=([0-9a-f]{64})$/.exec(header ?? "") ?? [];
  if (time === "" || Math.abs(nowSeconds - Number(time)) > LIMITS.signatureAgeS) return false;
  const mac = Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
  const text = encoder.encode([time, method, target, replica].join("\n"));
  for (const its of typeof key === "string" ? [key] : key) {
    if (await crypto.subtle.verify("HMAC", await importedKey(its), mac, text)) return true;
  }
  return false;
}

type Imported = ReturnType<typeof crypto.subtle.importKey>;

/** Imported once each. A replica has one key, or a few while the key changes. */
const imported = new Map<string, Imported>();

function importedKey(key: string): Imported {
  const known = imported.get(key);
  if (known !== undefined) return known;
  if (imported.size >= LIMITS.keysKept) imported.clear();
  const made = crypto.subtle.importKey("raw", encoder.encode(key), { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
  imported.set(key, made);
  return made;
}
