// What the conformance tests share: names that no other test uses, a router for a whole file, the shape every error must have.
import { afterAll, beforeAll, expect } from "vitest";
import type { Beat, Reply } from "./router.ts";
import { TestRouter } from "./router.ts";

let names = 0;

/** An app name that no other test of the file uses. */
export function freshApp(prefix = "app"): string {
  return `${prefix}-${++names}`;
}

/** One router for all tests of a file; call the result inside tests only. */
export function sharedRouter(settings: Record<string, string> = {}): () => TestRouter {
  let router: TestRouter | null = null;
  beforeAll(async () => {
    router = await TestRouter.start(settings);
  });
  afterAll(async () => {
    await router?.[Symbol.asyncDispose]();
  });
  return () => {
    if (router === null) throw new Error("the router has not been started");
    return router;
  };
}

export interface ProblemBody {
  /** Of 422 invalid_heartbeat. */
  readonly field?: string;
  /** Of 502 runner_disconnected. */
  readonly replica?: string;
  readonly cause?: string;
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly error_type: string;
  readonly error: { readonly message: string; readonly type: string; readonly code: string };
}

/** As OpenAI's API has them; its clients tell errors apart by the status. */
const OPENAI_TYPES = new Map([
  [401, "authentication_error"],
  [403, "permission_error"],
  [429, "rate_limit_error"],
]);

/** The reply is the router's own error, in the form of the contract; gives its body. */
export function expectProblem(reply: Reply, status: number, errorType: string): ProblemBody {
  expect({ status: reply.status, type: reply.headers["x-fal-error-type"] }, reply.text).toEqual({ status, type: errorType });
  expect(reply.headers["x-fal-request-id"]).toMatch(/\S/);
  expect(reply.headers["content-type"]).toMatch(/^application\/problem\+json\b/);
  const body = reply.json<ProblemBody & Record<string, unknown>>();
  expect(body).toMatchObject({ status, error_type: errorType });
  expect(body.type).toMatch(/\S/);
  expect(body.title).toMatch(/\S/);
  expect(body.detail).toMatch(/\S/);
  const type = OPENAI_TYPES.get(status) ?? (status < 500 ? "invalid_request_error" : "server_error");
  expect(body.error).toEqual({ message: body.detail, type, code: errorType });
  return body;
}

/** A whole number of seconds, at least 1. */
export function expectRetryAfter(reply: Reply): void {
  expect(reply.headers["retry-after"]).toMatch(/^[1-9]\d*$/);
}

/** A heartbeat without faults, for tests that spoil one field. Its origin is nobody's, and each replica of an app has one of its own. */
export function validBeat(app: string, change: Record<string, unknown> = {}): Beat & { readonly origin: string } {
  const { replica } = change;
  return { app, replica: "r1", origin: deadOrigin(app, typeof replica === "string" ? replica : "r1"), ...change };
}

const deadNames = new Map<string, Map<string, number>>();

function deadOrigin(app: string, replica: string): string {
  const names = deadNames.get(app) ?? new Map<string, number>();
  deadNames.set(app, names);
  const place = names.get(replica) ?? names.size;
  names.set(replica, place);
  return `http://127.0.${Math.floor(place / 250)}.${1 + (place % 250)}:9`;
}
