// Bearer tokens, compared in constant time: as digests of equal length, and all of them whatever matched before.
import type { HeartbeatTokens } from "../settings/settings.ts";

const encoder = new TextEncoder();

/** Whether the request bears exactly this token. */
export async function bearsToken(request: Request, token: string): Promise<boolean> {
  const presented = await presentedDigest(request);
  return presented !== null && sameDigest(presented, await digestOf(token));
}

/** The apps that the request's token is for (`*`: all); empty: the token is not valid. O(tokens). */
export async function appsOfToken(request: Request, tokens: HeartbeatTokens): Promise<ReadonlySet<string>> {
  const apps = new Set<string>();
  const presented = await presentedDigest(request);
  if (presented === null) return apps;
  for (const { app, digest } of await digestsOf(tokens)) if (sameDigest(presented, digest)) apps.add(app);
  return apps;
}

interface TokenDigest {
  readonly app: string;
  readonly digest: ArrayBuffer;
}

const digests = new WeakMap<HeartbeatTokens, readonly TokenDigest[]>();

async function digestsOf(tokens: HeartbeatTokens): Promise<readonly TokenDigest[]> {
  const known = digests.get(tokens);
  if (known !== undefined) return known;
  const made: TokenDigest[] = [];
  for (const [app, its] of tokens) for (const token of its) made.push({ app, digest: await digestOf(token) });
  digests.set(tokens, made);
  return made;
}

async function presentedDigest(request: Request): Promise<ArrayBuffer | null> {
  const match = /^Bearer +([^\s]+) *$/i.exec(request.headers.get("authorization") ?? "");
  return match?.[1] === undefined ? null : digestOf(match[1]);
}

function digestOf(token: string): Promise<ArrayBuffer> {
  return crypto.subtle.digest("SHA-256", encoder.encode(token));
}

function sameDigest(a: ArrayBuffer, b: ArrayBuffer): boolean {
  return crypto.subtle.timingSafeEqual(a, b);
}
