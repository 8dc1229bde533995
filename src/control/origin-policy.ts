// Which origins a heartbeat may name. Without this a stolen token could point clients' requests at anything the router can reach.
import type { OriginPattern, Settings } from "../settings/settings.ts";

/**
 * Why the origin (as `parseHeartbeat` normalises it) is refused, or null when it is admitted. Odd spellings of addresses (decimal,
 * octal, mapped) are gone by now: the URL parser writes every one of them as a plain IP literal.
 */
export function originFault(origin: string, ownUrl: string, settings: Settings): string | null {
  const url = new URL(origin);
  if (url.host === new URL(ownUrl).host) return "is this router itself";
  if (url.hostname.endsWith(".")) return "must not end in a dot";
  const development = settings.ALLOW_PRIVATE_ORIGINS;
  if (url.protocol !== "https:" && !development) return "must be https";
  const local = isAddress(url.hostname) || isPrivateName(url.hostname);
  if (local) return development ? null : "must be a public host name, not an address or a private name";
  if (settings.ORIGIN_ALLOW.some((pattern) => matches(pattern, url))) return null;
  return settings.ORIGIN_ALLOW.length === 0 ? "is refused: ORIGIN_ALLOW is not set" : "is not in ORIGIN_ALLOW";
}

function isAddress(hostname: string): boolean {
  return hostname.startsWith("[") || /^\d+\.\d+\.\d+\.\d+$/.test(hostname);
}

/** Names that public DNS does not have: a single label, and the suffixes reserved for local use (RFC 6761, 6762, 9476; ICANN: internal). */
function isPrivateName(hostname: string): boolean {
  return !hostname.includes(".") || /\.(localhost|local|internal|test|alt|home\.arpa)$/.test(hostname);
}

function matches({ host, wildcard, port }: OriginPattern, url: URL): boolean {
  const defaultPort = url.protocol === "https:" ? "443" : "80";
  if ((url.port || defaultPort) !== (port ?? defaultPort)) return false;
  return wildcard ? url.hostname.endsWith(`.${host}`) : url.hostname === host;
}
