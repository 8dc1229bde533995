// What the document can say of client traffic. OpenAPI has no parameter that spans slashes, no handshake of a WebSocket, and no answer that is another
// server's own: the descriptions say what it can't.
import { SECONDS } from "../../edge/client-request.ts";
import { BOUNDS } from "../../limits.ts";
import { HINT_LIST_PATTERN } from "../../wire/hints.ts";
import type { ErrorType } from "./operation.ts";
import { HEADERS, headersOf, refTo } from "./components.ts";
import { byStatus, ERROR_TYPES, inWords, problemHeaders, problemOf } from "./problems.ts";

const METHODS = ["get", "head", "post", "put", "patch", "delete", "options", "trace"] as const;
const WITH_BODY: ReadonlySet<string> = new Set(["post", "put", "patch", "delete"]);

const CONTROL_ALONE: ReadonlySet<ErrorType> = new Set<ErrorType>([
  "unauthorized",
  "forbidden",
  "not_found",
  "method_not_allowed",
  "stale_heartbeat",
  "origin_taken",
  "payload_too_large",
  "invalid_heartbeat",
  "fleet_full",
]);
export const CLIENT_ERRORS = ERROR_TYPES.filter((type) => !CONTROL_ALONE.has(type));

const TIMEOUT_TYPE = { description: "Whose limit has passed.", schema: { type: "string", enum: ["user", "router"] } };

/** `SECONDS` of at most `BOUNDS.declaredCostMs`, which is 86400. */
const COST =
  "^(?=.*[1-9])(?:(?:0{0,8}[0-9]{1,4}|0{0,7}(?:[1-7][0-9]{4}|8[0-5][0-9]{3}|86[0-3][0-9]{2}))(?:\\.[0-9]{1,20})?|0{0,7}86400(?:\\.0{1,20})?)$";

/** Parameters of `components`, by their keys there. */
export const CLIENT_PARAMETERS = {
  ClientApp: {
    ...{
      name: "app",
      in: "path",
      required: true,
      description: "The app. An app that is named `owner/app` needs `APP_FROM=path:2`.",
    },
    schema: { type: "string", pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$" },
  },
  ClientPath: {
    ...{
      name: "path",
      in: "path",
      required: true,
      description: "The rest of the path, any number of segments: what the replica gets.",
    },
    schema: { type: "string", minLength: 1 },
  },
  Hints: {
    ...{ name: "X-Fal-Runner-Hint", in: "header" },
    description: "What the request needs: a model, a LoRA, a session. Several are separated by commas, the most preferred first.",
    schema: { type: "string", pattern: HINT_LIST_PATTERN },
    example: "sdxl",
  },
  Timeout: {
    ...{ name: "X-Fal-Request-Timeout", in: "header" },
    description: "Seconds until the request must have been sent to a replica; else it ends with 504.",
    schema: { type: "string", pattern: SECONDS.source },
    example: "30",
  },
  Cost: {
    ...{ name: "X-Warmpath-Cost", in: "header" },
    description: `Seconds that serving the request will take, at most ${BOUNDS.declaredCostMs / 1000}.`,
    schema: { type: "string", pattern: COST },
    example: "12.5",
  },
  Prewarm: {
    ...{ name: "X-Warmpath-Prewarm", in: "header" },
    description: "Hints that later requests will name, separated by commas. An idle replica may load them meanwhile.",
    schema: { type: "string", pattern: HINT_LIST_PATTERN },
    example: "flux",
  },
  Priority: {
    ...{ name: "X-Fal-Queue-Priority", in: "header" },
    description: "`low` waits behind all others, `high` before them.",
    schema: { type: "string", enum: ["low", "normal", "high"], default: "normal" },
  },
  NoRetry: {
    ...{ name: "X-Fal-No-Retry", in: "header" },
    description: "`1`, `true` or `yes`: the request is never sent a second time. Any other text means nothing.",
    schema: { type: "string" },
    example: "1",
  },
  MaxQueueLength: {
    ...{ name: "fal_max_queue_length", in: "query" },
    description: "429 at once if the request would have to wait and so many wait already. The replica gets this parameter too.",
    schema: { type: "integer", minimum: 0, maximum: 999_999_999 },
  },
} as const;

/** The paths of client traffic, with the default of `APP_FROM`. */
export function clientPaths(): Record<string, object> {
  return {
    "/{app}": pathItem("App", ["ClientApp"]),
    "/{app}/{path}": pathItem("AppPath", ["ClientApp", "ClientPath"]),
  };
}

/** Errors of the router, and what a replica answers. */
export function clientResponses(): Record<string, object> {
  const replica = {
    description: "The replica's own answer, with its status, headers and body.",
    headers: headersOf({
      "x-fal-request-id": "RequestId",
      "x-fal-served-from": "ServedFrom",
      "x-warmpath-reason": "Reason",
      "server-timing": "ServerTiming",
    }),
    content: { "*/*": {} },
  };
  const errors = byStatus(CLIENT_ERRORS).map(([status, its]) => [`Client${status}`, response(its)]);
  return { ...Object.fromEntries(errors), Replica: replica };
}

function pathItem(name: string, path: readonly (keyof typeof CLIENT_PARAMETERS)[]): object {
  const others = Object.keys(CLIENT_PARAMETERS).filter((key) => !key.startsWith("Client"));
  const parameters = [...path, ...others].map((key) => refTo("parameters", key));
  return { parameters, ...Object.fromEntries(METHODS.map((method) => [method, operation(method, `${method}${name}`)])) };
}

function operation(method: string, operationId: string): object {
  const body = { required: false, description: "Streamed to the replica as it is.", content: { "*/*": {} } };
  const errors = byStatus(CLIENT_ERRORS).map(([status]) => [status, refTo("responses", `Client${status}`)]);
  return {
    ...{ operationId, tags: ["clients"], security: [] },
    summary: `${method.toUpperCase()}, answered by a replica`,
    ...(WITH_BODY.has(method) && { requestBody: body }),
    responses: { ...Object.fromEntries(errors), default: refTo("responses", "Replica") },
  };
}

function response(errors: readonly ErrorType[]): object {
  const { "x-fal-request-id": _, "cache-control": __, ...others } = problemHeaders(errors);
  // The replica's answer has them or not.
  const optional = Object.entries(others).map(([name, key]) => [name, { ...HEADERS[key], required: false }]);
  return {
    description: `${inWords(errors)} of the router, or this status of the replica, which has \`x-fal-served-from\`.`,
    headers: {
      ...headersOf({ "x-fal-request-id": "RequestId", "x-fal-served-from": "ServedFrom" }),
      ...Object.fromEntries(optional),
      ...(errors.includes("request_timeout") && { "x-fal-request-timeout-type": TIMEOUT_TYPE }),
    },
    content: { "application/problem+json": { schema: problemOf(errors) }, "*/*": {} },
  };
}
