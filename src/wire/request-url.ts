// A request's URL, cut into its parts without changing any of them.

export interface SplitUrl {
  readonly host: string;
  readonly path: string;
  /** With its `?`, also where nothing follows it. */
  readonly query: string;
}

/**
 * The URL as WHATWG parses it: dot segments are resolved, which the runtime leaves to us, and what is routed is what is sent. The parts
 * are cut out of it by position, because `//`, `%2F` and a bare `?` must reach the replica as they came. All parts of what is no URL are
 * empty: the runtime makes one of a Host header that is no host.
 */
export function splitUrl(text: string): SplitUrl {
  if (!URL.canParse(text)) return { host: "", path: "", query: "" };
  const { href } = new URL(text);
  const hash = href.indexOf("#");
  const url = hash < 0 ? href : href.slice(0, hash);
  const hostStart = url.indexOf("://") + 3;
  const slash = url.indexOf("/", hostStart);
  const question = url.indexOf("?", slash);
  const pathEnd = question >= 0 ? question : url.length;
  return { host: url.slice(hostStart, slash), path: url.slice(slash, pathEnd), query: url.slice(pathEnd) };
}

/**
 * Whether the Host header is a host and maybe a port. The runtime puts it before the target as it came: a `/`, `?` or `#` in it would
 * ask for another path than the request line does.
 */
export function hasPlainHost({ url, headers }: Request): boolean {
  return !/[\s/?#@\\]/.test(headers.get("host") ?? "") && URL.canParse(url);
}

/** Whether a path is the control plane's. */
export function isControlPath(path: string): boolean {
  return path === "/-" || path.startsWith("/-/");
}
