// A request's URL, cut into its parts without changing any of them.

export interface SplitUrl {
  /** `http` or `https`. */
  readonly scheme: string;
  readonly host: string;
  readonly path: string;
  /** With its `?`, even if nothing follows it. */
  readonly query: string;
}

/**
 * The parts of a URL after WHATWG parsing, which resolves dot segments: the runtime does not, and the routed path must be the path that is sent. The
 * parts are cut out by position, because `//`, `%2F` and a bare `?` must reach the replica as they came. A text that is no URL has empty parts: the
 * runtime makes one of a Host header that is no host.
 */
export function splitUrl(text: string): SplitUrl {
  const parsed = URL.parse(text);
  if (parsed === null) return { scheme: "", host: "", path: "", query: "" };
  const { href } = parsed;
  const hash = href.indexOf("#");
  const url = hash < 0 ? href : href.slice(0, hash);
  const schemeEnd = url.indexOf("://");
  const hostStart = schemeEnd + 3;
  const slash = url.indexOf("/", hostStart);
  const question = url.indexOf("?", slash);
  const pathEnd = question >= 0 ? question : url.length;
  return {
    scheme: url.slice(0, schemeEnd),
    host: url.slice(hostStart, slash),
    path: url.slice(slash, pathEnd),
    query: url.slice(pathEnd),
  };
}

/**
 * A request's URL. Null: the Host header is not a host and maybe a port. The runtime puts the header before the target as it came, so a `/`, `?` or `#` in
 * it would make another path than that of the request line.
 */
export function urlOf({ url, headers }: Request): SplitUrl | null {
  if (/[\s/?#@\\]/.test(headers.get("host") ?? "")) return null;
  const split = splitUrl(url);
  return split.scheme === "" ? null : split;
}

/** Whether a path is the control plane's. */
export function isControlPath(path: string): boolean {
  return path === "/-" || path.startsWith("/-/");
}
