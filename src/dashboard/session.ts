// Who may see the dashboard: whoever has shown the administrator's token, or a link made with it. Nothing is kept of that: a session is a text that the
// token signs, so another ADMIN_TOKEN ends every session.
import { BOUNDS } from "../limits.ts";

/** What the signed text is for. A text for one use is none for another. */
type Use = "session" | "link" | "form" | "live";

export interface Session {
  readonly expiresAtMs: number;
  readonly nonce: string;
}

const encoder = new TextEncoder();
const SIGNED = /^(\d{1,15})\.([\w-]{16,64})\.([\w-]{43})$/;

/** A new session's text. `nonce`: 16 random characters or more. */
export function sign(adminToken: string, use: "session" | "link", its: Session): Promise<string> {
  return signed(adminToken, use, `${its.expiresAtMs}.${its.nonce}`);
}

/** The address at a router that signs a browser in, once. `nonce`: 16 random characters or more. */
export async function signInLink(router: string, adminToken: string, nonce: string, now: number): Promise<string> {
  const text = await sign(adminToken, "link", { expiresAtMs: now + BOUNDS.signInLinkMs, nonce });
  return `${router}/-/sign-in?link=${text}`;
}

/** The session or link that the text is; null: it is not signed with this token for this use, or its time is over, or lies too far ahead. */
export async function verify(adminToken: string, use: "session" | "link", text: string, now: number): Promise<Session | null> {
  const match = SIGNED.exec(text);
  if (match === null) return null;
  const [, expires = "", nonce = ""] = match;
  const expiresAtMs = Number(expires);
  const mostMs = use === "session" ? BOUNDS.sessionMs : BOUNDS.signInLinkMs;
  if (!(await isSigned(adminToken, use, text))) return null;
  return expiresAtMs > now && expiresAtMs <= now + mostMs ? { expiresAtMs, nonce } : null;
}

/** What a page of the session sends with a form, or to be kept up to date: no page of another origin can know this text. */
export async function keyOf(adminToken: string, use: "form" | "live", { nonce }: Session): Promise<string> {
  return signed(adminToken, use, nonce);
}

/** Whether the text is the session's key for this use. */
export async function isKeyOf(adminToken: string, use: "form" | "live", session: Session, text: string): Promise<boolean> {
  return text.startsWith(`${session.nonce}.`) && (await isSigned(adminToken, use, text));
}

async function signed(adminToken: string, use: Use, text: string): Promise<string> {
  const mac = await crypto.subtle.sign("HMAC", await keyFor(adminToken, use), encoder.encode(text));
  return `${text}.${base64Url(new Uint8Array(mac))}`;
}

/** The runtime compares in constant time. */
async function isSigned(adminToken: string, use: Use, text: string): Promise<boolean> {
  const dot = text.lastIndexOf(".");
  const mac = bytesOf(text.slice(dot + 1));
  return mac !== null && crypto.subtle.verify("HMAC", await keyFor(adminToken, use), mac, encoder.encode(text.slice(0, dot)));
}

/** Each use has a key of its own. */
function keyFor(adminToken: string, use: Use): Promise<CryptoKey> {
  const secret = encoder.encode(`warmpath dashboard ${use} ${adminToken}`);
  return crypto.subtle.importKey("raw", secret, { name: "HMAC", hash: "SHA-256" }, false, ["sign", "verify"]);
}

function base64Url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}

function bytesOf(text: string): Uint8Array<ArrayBuffer> | null {
  try {
    return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (character) => character.charCodeAt(0));
  } catch {
    return null;
  }
}
