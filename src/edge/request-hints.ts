// The hints of a request: those of its headers, else the one in its path, its query or its JSON body, as far as the settings name such a place.
import type { Settings } from "../settings/settings.ts";
import { hintOf, parseRequestHints, withoutAliases } from "../wire/hints.ts";
import { JsonMember, textAt } from "../wire/json-member.ts";
import { textInPath } from "../wire/path-pattern.ts";
import { BOUNDS } from "../limits.ts";
import { failed, type Result } from "../router-error.ts";

export interface RequestHints {
  readonly hints: readonly string[];
  /** No hint was found so far, and the body may hold one. */
  readonly mayBeInBody: boolean;
}

/** A hint header that is there decides, even if it names no hint. What stands elsewhere and can't be a hint is none. */
export function readHints(request: Request, path: string, query: string, settings: Settings): Result<RequestHints> {
  const { HINT_HEADERS, HINT_FROM_PATH, HINT_FROM_QUERY, HINT_FROM_JSON, HINT_ALIASES } = settings;
  const values = HINT_HEADERS.flatMap((name) => request.headers.get(name) ?? []);
  const parsed = parseRequestHints(values);
  if (!parsed.ok) return failed({ type: "bad_request", detail: `${HINT_HEADERS.join(", ")}: ${parsed.detail}` });
  if (values.length > 0) return found(withoutAliases(parsed.hints, HINT_ALIASES));
  if (HINT_FROM_PATH !== null) {
    const hint = hintIn(textInPath(HINT_FROM_PATH, path), settings);
    if (hint !== null) return found([hint]);
  }
  if (HINT_FROM_QUERY !== null) {
    const hint = hintIn(new URLSearchParams(query).get(HINT_FROM_QUERY), settings);
    if (hint !== null) return found([hint]);
  }
  return { ok: true, value: { hints: [], mayBeInBody: HINT_FROM_JSON !== null && hasJsonBody(request) } };
}

function found(hints: readonly string[]): Result<RequestHints> {
  return { ok: true, value: { hints, mayBeInBody: false } };
}

/** The hint in a whole body; null: there is none. O(bytes) up to `hintBodyBytes`; beyond, long texts as those of images cost little. */
export function hintInBody(body: Uint8Array, settings: Settings): string | null {
  const path = settings.HINT_FROM_JSON;
  if (path === null) return null;
  if (body.byteLength <= BOUNDS.hintBodyBytes) return hintIn(textAt(body, path), settings);
  const member = new JsonMember(path, BOUNDS.hintBodySteps);
  member.find(body);
  return hintIn(member.text, settings);
}

/** The hint that a text names, under its own name and no alias; null: it names none. */
export function hintIn(text: string | null, { HINT_ALIASES }: Settings): string | null {
  const hint = text === null ? null : hintOf(text);
  return hint === null ? null : (HINT_ALIASES.get(hint) ?? hint);
}

/** First hints that stood in no header, for the lines of a log. */
const elsewhere = new WeakMap<Request, string>();

/** Remembers a request's hints for its line in the log. */
export function noteHints(request: Request, [hint]: readonly string[]): void {
  if (hint !== undefined) elsewhere.set(request, hint);
}

/** The hint that stood in the request's path, query or body; null: none did, or it was not noted. */
export function hintElsewhere(request: Request): string | null {
  return elsewhere.get(request) ?? null;
}

/** Whether the body is JSON that can be read as it comes. The router does not decompress it. A Worker can't make a GET with a body, so that is left alone. */
function hasJsonBody({ method, headers, body }: Request): boolean {
  if (body === null || method === "GET" || method === "HEAD") return false;
  const type = (headers.get("content-type") ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
  const isJson = type === "application/json" || type === "text/json" || type.endsWith("+json");
  return isJson && /^(identity)?$/i.test((headers.get("content-encoding") ?? "").trim());
}
