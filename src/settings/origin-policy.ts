// Which origins a heartbeat may name. Otherwise a stolen token could send clients' requests to anything that the router can reach.
import { addressRange, isInRange } from "./address-range.ts";
import { isPrivateHost } from "./private-host.ts";
import { APP_PLACEHOLDER, type OriginPattern, type Settings } from "./settings.ts";

/**
 * Why the origin of a replica of the app is refused; null: it is admitted. `origin` is as `parseHeartbeat` normalises it, so the URL parser has written
 * every spelling of an address (decimal, octal, mapped) as a plain IP literal. `ownUrl`: where the heartbeat was sent to; null: there is no
 * heartbeat.
 */
export function originFault(origin: string, app: string, ownUrl: string | null, settings: Settings): string | null {
  const url = new URL(origin);
  const { ALLOW_PRIVATE_ORIGINS: allowed } = settings;
  const local = isPrivateHost(url.hostname);
  const admitsHttp = allowed === true || (allowed === "listed" && local);
  if (url.protocol !== "https:" && !admitsHttp) return "must be https";
  if (local && allowed === false) return "must be a public host name, not an address or a private name";
  if (allowed === "listed" && isLinkLocal(url.hostname)) return "is a link-local address";
  if (ownUrl !== null && isOwn(url, new URL(ownUrl), admitsHttp)) return "is this router itself";
  if (local && allowed === true) return null;
  if (settings.ORIGIN_ALLOW.some((pattern) => matches(pattern, url, app))) return null;
  return settings.ORIGIN_ALLOW.length === 0 ? "is refused: ORIGIN_ALLOW is not set" : "is not in ORIGIN_ALLOW for this app";
}

/**
 * Whether the origin is where the heartbeat was sent to. A public name is the router's on all ports, because Cloudflare serves it on each. In
 * development, and on a host in a private network, the router and its replicas may differ by their ports alone. `own` is the sender's Host header, so this check finds mistakes alone. Loops end
 * because the router refuses requests that have passed it.
 */
function isOwn(url: URL, own: URL, byPort: boolean): boolean {
  if (withoutDots(url.hostname) !== withoutDots(own.hostname)) return false;
  return !byPort || url.port === own.port;
}

function withoutDots(hostname: string): string {
  return hostname.replace(/\.+$/, "");
}

/** Where clouds give a machine its credentials, IPv4 addresses within IPv6 ones included. fd00:ec2::254 is that of AWS, and not link-local. */
const LINK_LOCAL = [
  ["169.254.0.0", 16],
  ["[fe80::]", 10],
  ["[::ffff:169.254.0.0]", 112],
  ["[64:ff9b::169.254.0.0]", 112],
  ["[fd00:ec2::]", 32],
].flatMap(([address, bits]) => addressRange(String(address), Number(bits)) ?? []);

function isLinkLocal(hostname: string): boolean {
  return LINK_LOCAL.some((range) => isInRange(hostname, range));
}

/** An app's name as one DNS label. Lower case only, because DNS does not tell the apps `App` and `app` apart. */
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

function matches({ host: named, wildcard, port, range }: OriginPattern, url: URL, app: string): boolean {
  const defaultPort = url.protocol === "https:" ? "443" : "80";
  if ((url.port || defaultPort) !== (port ?? defaultPort)) return false;
  if (range !== null) return isInRange(url.hostname, range);
  const perApp = named.includes(APP_PLACEHOLDER);
  if (perApp && !LABEL.test(app)) return false;
  const host = perApp ? named.replace(APP_PLACEHOLDER, app) : named;
  return wildcard ? url.hostname.endsWith(`.${host}`) : url.hostname === host;
}
