// Which origins a heartbeat may name. Otherwise a stolen token could send clients' requests to anything that the router can reach.
import { isPrivateHost } from "./private-host.ts";
import { APP_PLACEHOLDER, type OriginPattern, type Settings } from "./settings.ts";

/**
 * Why the origin of a replica of the app is refused; null: it is admitted. `origin` is as `parseHeartbeat` normalises it, so the URL parser has written
 * every spelling of an address (decimal, octal, mapped) as a plain IP literal. `ownUrl`: where the heartbeat was sent to; null: there is no
 * heartbeat.
 */
export function originFault(origin: string, app: string, ownUrl: string | null, settings: Settings): string | null {
  const url = new URL(origin);
  const development = settings.ALLOW_PRIVATE_ORIGINS;
  const local = isPrivateHost(url.hostname);
  if (url.protocol !== "https:" && !development) return "must be https";
  if (local && !development) return "must be a public host name, not an address or a private name";
  if (ownUrl !== null && isOwn(url, new URL(ownUrl), development)) return "is this router itself";
  if (local) return null;
  if (settings.ORIGIN_ALLOW.some((pattern) => matches(pattern, url, app))) return null;
  return settings.ORIGIN_ALLOW.length === 0 ? "is refused: ORIGIN_ALLOW is not set" : "is not in ORIGIN_ALLOW for this app";
}

/**
 * Whether the origin is where the heartbeat was sent to. A name is the router's on all ports, because Cloudflare serves it on each. In development the
 * router and its replicas share a host and differ by their ports. `own` is the sender's Host header, so this check finds mistakes alone. Loops end
 * because the router refuses requests that have passed it.
 */
function isOwn(url: URL, own: URL, development: boolean): boolean {
  if (withoutDots(url.hostname) !== withoutDots(own.hostname)) return false;
  return !development || url.port === own.port;
}

function withoutDots(hostname: string): string {
  return hostname.replace(/\.+$/, "");
}

/** An app's name as one DNS label. Lower case only, because DNS does not tell the apps `App` and `app` apart. */
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

function matches({ host: named, wildcard, port }: OriginPattern, url: URL, app: string): boolean {
  const defaultPort = url.protocol === "https:" ? "443" : "80";
  if ((url.port || defaultPort) !== (port ?? defaultPort)) return false;
  const perApp = named.includes(APP_PLACEHOLDER);
  if (perApp && !LABEL.test(app)) return false;
  const host = perApp ? named.replace(APP_PLACEHOLDER, app) : named;
  return wildcard ? url.hostname.endsWith(`.${host}`) : url.hostname === host;
}
