// Requests to the router: each with an end, none that follows a redirect with a token, no answer longer than its bound.
import { BadUsage, Failed } from "./failure.ts";
import { LIMITS } from "./limits.ts";
import { duration, printable, shortened } from "./text.ts";

export interface Reach {
  /** Scheme, host and port. */
  readonly origin: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface Sending {
  readonly method?: string;
  readonly token?: string;
  readonly body?: string;
}

export interface Reply {
  readonly status: number;
  /** Null: the body is no JSON object. */
  readonly json: Readonly<Record<string, unknown>> | null;
  readonly text: string;
  readonly date: string | null;
  readonly tookMs: number;
}

export function reachOf(options: { readonly router?: string | undefined; readonly timeout: number }, signal: AbortSignal): Reach {
  return { origin: routerOrigin(options.router), timeoutMs: options.timeout, signal };
}

function routerOrigin(text: string | undefined): string {
  if (text === undefined || text === "") throw new BadUsage("--router or WARMPATH_ROUTER is needed");
  const url = URL.canParse(text) ? new URL(text) : null;
  const isPlain = url !== null && /^https?:$/.test(url.protocol) && url.href === `${url.origin}/`;
  if (!isPlain) {
    throw new BadUsage(
      "--router or WARMPATH_ROUTER must be http://HOST[:PORT] or https://HOST[:PORT], without user, path and query",
    );
  }
  return url.origin;
}

/** One request. Throws `Failed` if there is no answer. */
export async function send(reach: Reach, path: string, { method = "GET", token, body }: Sending = {}): Promise<Reply> {
  const { origin, timeoutMs, signal } = reach;
  const startedAtMs = performance.now();
  const timeout = AbortSignal.timeout(timeoutMs);
  try {
    const response = await fetch(`${origin}${path}`, {
      method,
      redirect: "manual",
      signal: AbortSignal.any([signal, timeout]),
      headers: {
        accept: "application/json",
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { "content-type": "application/json" }),
      },
      ...(body !== undefined && { body }),
    });
    const text = await textOf(response, origin);
    const tookMs = performance.now() - startedAtMs;
    return { status: response.status, json: objectIn(text), text, date: response.headers.get("date"), tookMs };
  } catch (error) {
    if (error instanceof Failed || signal.aborted) throw error;
    if (timeout.aborted) throw new Failed(`${origin} did not answer within ${duration(timeoutMs)}`, { type: "timeout" });
    const cause = causeOf(error);
    throw new Failed(`${origin} can't be reached: ${cause}`, { type: "unreachable", detail: cause });
  }
}

/** One request of the administrator that the router must grant: what it answered. `member`: what every such answer of a router has. */
export async function ask<Answer>(reach: Reach, path: string, member: string, sending: Sending): Promise<Answer> {
  const reply = await send(reach, path, sending);
  if (reply.status === 200 && reply.json !== null && Object.hasOwn(reply.json, member)) return reply.json as Answer;
  throw refusalOf(reach, reply, ADMIN_OPTION);
}

const ADMIN_OPTION = "--admin-token or WARMPATH_ADMIN_TOKEN";

/** The router's own words for its no. `tokenFrom`: the option that gave the token. */
export function refusalOf({ origin }: Reach, { status, json, text }: Reply, tokenFrom: string | null = null): Failed {
  const { error_type: type, detail, field, setting } = (json ?? {}) as Record<string, string | undefined>;
  if (typeof type !== "string" || typeof detail !== "string") {
    const said = text === "" ? "" : `: ${shortened(text)}`;
    return new Failed(`${origin} answered ${status}, and not as a router does${said}`, { type: "not_a_router", status });
  }
  const facts = { type, status, detail, ...(field !== undefined && { field }), ...(setting !== undefined && { setting }) };
  const check = status === 401 && tokenFrom !== null ? `: check ${tokenFrom}` : "";
  return new Failed(`${printable(detail).replace(/\.$/, "")} (${status} ${printable(type)})${check}`, facts);
}

/** Why a request had no answer, as short as the system says it. */
export function causeOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (cause instanceof AggregateError && cause.errors.length > 0) return causeOf(cause.errors[0]);
  const message = cause instanceof Error ? cause.message : String(cause);
  const code = cause instanceof Error ? (cause as NodeJS.ErrnoException).code : undefined;
  return shortened(message === "" ? (code ?? "no reason is known") : message);
}

async function textOf(response: Response, origin: string): Promise<string> {
  const decoder = new TextDecoder();
  let [text, bytes] = ["", 0];
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > LIMITS.answerBytes) {
      throw new Failed(`${origin} answered with more than ${LIMITS.answerBytes} bytes`, { type: "not_a_router" });
    }
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function objectIn(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
