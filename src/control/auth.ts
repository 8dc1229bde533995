// Bearer tokens, compared in constant time, and all of them whatever matched before. Of a token that is not valid only its length can be learned.
import type { HeartbeatTokens } from "../settings/settings.ts";

const encoder = new TextEncoder();

/** Whether the request bears exactly this token. */
export function bearsToken(request: Request, token: string): boolean {
  const presented = presentedToken(request);
  return presented !== null && isSame(presented, encoder.encode(token));
}

/** Whether the text is exactly this token. */
export function isToken(presented: string, token: string): boolean {
  return isSame(encoder.encode(presented), encoder.encode(token));
}

/** The apps that the request's token is for (`*`: all); empty: the token is not valid. O(tokens). */
export function appsOfToken(request: Request, tokens: HeartbeatTokens): ReadonlySet<string> {
  const apps = new Set<string>();
  const presented = presentedToken(request);
  if (presented === null) return apps;
  for (const { app, bytes } of bytesOf(tokens)) if (isSame(presented, bytes)) apps.add(app);
  return apps;
}

interface Token {
  readonly app: string;
  readonly bytes: Uint8Array;
}

const known = new WeakMap<HeartbeatTokens, readonly Token[]>();

function bytesOf(tokens: HeartbeatTokens): readonly Token[] {
  let made = known.get(tokens);
  if (made === undefined) {
    made = [...tokens].flatMap(([app, its]) => its.map((token) => ({ app, bytes: encoder.encode(token) })));
    known.set(tokens, made);
  }
  return made;
}

function presentedToken(request: Request): Uint8Array | null {
  const match = /^Bearer +([^\s]+) *$/i.exec(request.headers.get("authorization") ?? "");
  return match?.[1] === undefined ? null : encoder.encode(match[1]);
}

/** The runtime's comparison takes the same time wherever two texts of one length differ. */
function isSame(presented: Uint8Array, token: Uint8Array): boolean {
  return presented.byteLength === token.byteLength && crypto.subtle.timingSafeEqual(presented, token);
}
