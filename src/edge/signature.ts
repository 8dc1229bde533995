// Proof for a replica that a request came through this router: HMAC-SHA-256 with ORIGIN_SIGNING_KEY. Covers time, method, path with
// query, and the replica it is meant for; not the body, which streams.
const encoder = new TextEncoder();

/** The value of `x-warmpath-signature` for a request: `t=SECONDS,v1=HEX`. */
export async function signatureOf(
  key: string,
  request: { readonly method: string; readonly target: string; readonly replica: string },
  nowSeconds: number,
): Promise<string> {
  const text = `${nowSeconds}\n${request.method}\n${request.target}\n${request.replica}`;
  const mac = await crypto.subtle.sign("HMAC", await importKey(key), encoder.encode(text));
  const hex = Array.from(new Uint8Array(mac), (byte) => byte.toString(16).padStart(2, "0")).join("");
  return `t=${nowSeconds},v1=${hex}`;
}

function importKey(key: string) {
  return crypto.subtle.importKey("raw", encoder.encode(key), { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
}
