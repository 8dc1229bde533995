// Patterns of paths that an operator writes: which requests they match, and the hint in a path. All are compared with the path as a replica gets it.

/** `*` stands for any characters, `/` included, or none. */
export interface PathPattern {
  readonly text: string;
  /** What stands between the `*`. */
  readonly parts: readonly string[];
}

/** Requests by method and path. */
export interface RequestPattern {
  /** Null: any. `GET` stands for `HEAD` too. */
  readonly method: string | null;
  readonly path: PathPattern;
}

/** A path with one `{hint}`, which is a segment or begins one. */
export interface HintPattern {
  readonly text: string;
  readonly shape: RegExp;
}

/** A path as it stands in a URL, escaped; at its beginning `*` may stand for any part of it. */
const PATH = /^[/*][!$-;=@-[\]_a-z|~]*$/;

/** Null: the text is no such pattern. */
export function parsePathPattern(text: string): PathPattern | null {
  return PATH.test(text) ? { text, parts: text.split("*") } : null;
}

/** `GET /path`, or `/path` for any method. Null: the text is none of these. */
export function parseRequestPattern(text: string): RequestPattern | null {
  const [, method = null, pattern = ""] = /^(?:([A-Za-z]+)\s+)?(\S+)$/.exec(text) ?? [];
  const path = parsePathPattern(pattern);
  return path && { method: method === null ? null : method.toUpperCase(), path };
}

/** Any part of a path may stand before and after: `*` at the beginning, before a `/`, and at the end. Null: the text is no such pattern. */
export function parseHintPattern(text: string): HintPattern | null {
  const [, before, after, rest] = /^(\*?\/(?:[^*{}]*\/)?)\{hint\}([^*{}]*)(\*?)$/.exec(text) ?? [];
  if (before === undefined || after === undefined || parsePathPattern(before + after) === null) return null;
  const beginning = before.startsWith("*") ? `.*?${escaped(before.slice(1))}` : escaped(before);
  return { text, shape: new RegExp(`^${beginning}([^/]+)${escaped(after)}${rest === "*" ? ".*" : ""}$`) };
}

/** O(path × parts). */
export function matchesPath({ parts }: PathPattern, path: string): boolean {
  const first = parts[0] ?? "";
  const last = parts.at(-1) ?? "";
  if (parts.length === 1) return path === first;
  if (!path.startsWith(first) || path.length < first.length + last.length || !path.endsWith(last)) return false;
  let at = first.length;
  for (const part of parts.slice(1, -1)) {
    const found = path.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return at <= path.length - last.length;
}

/** Whether any of the patterns matches. O(patterns × path × parts). */
export function matchesRequest(patterns: readonly RequestPattern[], method: string, path: string): boolean {
  const its = method === "HEAD" ? "GET" : method;
  return patterns.some((pattern) => (pattern.method === null || pattern.method === its) && matchesPath(pattern.path, path));
}

/** The text in the place of `{hint}`, unescaped; null: the path has another shape, or an escape that is none. */
export function textInPath({ shape }: HintPattern, path: string): string | null {
  const text = shape.exec(path)?.[1];
  if (text === undefined) return null;
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`);
}
