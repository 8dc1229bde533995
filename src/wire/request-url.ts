// A request's URL, cut into its parts without changing any of them.

export interface SplitUrl {
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
 * Whether the Host header is a host and maybe a port. The runtime puts the header before the target as it came, so a `/`, `?` or `#` in it would make
 * another path than that of the request line.
 */
export function hasPlainHost({ url, headers }: Request): boolean {
  return !/[\s/?#@\\]/.test(headers.get("host") ?? "") && URL.canParse(url);
}

/** Whether a path is the control plane's. */
export function isControlPath(path: string): boolean {
  return path === "/-" || path.startsWith("/-/");
}
