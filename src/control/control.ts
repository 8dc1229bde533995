// The control plane, everything under /-/: which handler answers what, and what the document says of it.
import { Hono } from "hono";
import { DASHBOARD_ROUTES } from "../dashboard/routes.tsx";
import { asksForWebSocket } from "../edge/websocket-handshake.ts";
import { problemResponse } from "../problem.ts";
import { misspeltSettings } from "../settings/misspelt.ts";
import { missingSettings } from "../settings/refused.ts";
import { splitUrl } from "../wire/request-url.ts";
import {
  drainReplica,
  events,
  explainApp,
  history,
  listApps,
  matrix,
  queue,
  removeReplica,
  scaleApp,
  viewApp,
  warmApp,
} from "./apps.ts";
import { bearsToken } from "./auth.ts";
import { answer, json, problem, type Bindings, type Call, type Handler } from "./call.ts";
import { openHeartbeatSocket, takeHeartbeat } from "./heartbeat.ts";
import { openApiText } from "./openapi/document.ts";
import type { Described, Operation, TokenKind } from "./openapi/operation.ts";
import * as operations from "./openapi/operations.ts";
import { OPENMETRICS } from "./openmetrics.ts";
import { scrape } from "./scrape.ts";

/** What answers a method of a path, and what GET /-/openapi.json says of it. */
interface Route extends Described {
  readonly handler: Handler;
}

const HEARTBEAT = "/-/heartbeat";

/** Methods by path. Another method on such a path is 405, any other path 404. */
export const ROUTES: Readonly<Record<string, Readonly<Record<string, Route>>>> = {
  "/-/healthz": { GET: open(health, operations.health) },
  "/-/openapi.json": { GET: open(openApi, operations.openApi) },
  [HEARTBEAT]: { POST: route((call) => heartbeat(call.req.raw, call.env), ["heartbeat"], operations.heartbeat) },
  "/-/metrics": { GET: reader(metrics, operations.metrics) },
  "/-/apps": { GET: admin(listApps, operations.listApps) },
  "/-/apps/:app": { GET: admin(viewApp, operations.viewApp) },
  "/-/apps/:app/explain": { GET: admin(explainApp, operations.explainApp) },
  "/-/apps/:app/warm": { POST: admin(warmApp, operations.warmApp) },
  "/-/apps/:app/scale": { GET: reader(scaleApp, operations.scaleApp) },
  "/-/apps/:app/queue": { GET: admin(queue, operations.viewQueue) },
  "/-/apps/:app/matrix": { GET: admin(matrix, operations.viewMatrix) },
  "/-/apps/:app/history": { GET: admin(history, operations.viewHistory) },
  "/-/apps/:app/events": { GET: admin(events, operations.viewEvents) },
  "/-/apps/:app/replicas/:replica": { DELETE: admin(removeReplica, operations.removeReplica) },
  "/-/apps/:app/replicas/:replica/drain": { POST: admin((call) => drainReplica(call, true), operations.drainReplica) },
  "/-/apps/:app/replicas/:replica/undrain": { POST: admin((call) => drainReplica(call, false), operations.undrainReplica) },
  ...pages(DASHBOARD_ROUTES),
};

/** A path without a route that may hold the name of an app or a replica with a `/` that was not encoded. */
const SPLIT_NAME = /^\/-\/apps\/[^/]+\/.*[^/]$/;

/** A call of the control plane. Nearly all are heartbeats, which need no routing. */
export function answerControl(
  request: Request,
  path: string,
  bindings: Bindings,
  ctx: ExecutionContext,
): Response | Promise<Response> {
  return path === HEARTBEAT && request.method === "POST" ? heartbeat(request, bindings) : control.fetch(request, bindings, ctx);
}

/** Reads the path as src/index.ts does, which tells control plane and client traffic apart. */
export const control = new Hono<{ Bindings: Bindings }>({ getPath: (request) => splitUrl(request.url).path });
control.get(HEARTBEAT, (call, next) => (asksForWebSocket(call.req.raw.headers) ? heartbeatSocket(call) : next()));
for (const [path, methods] of Object.entries(ROUTES)) {
  const names = Object.keys(methods);
  const allow = names.flatMap((name) => (name === "GET" ? ["GET", "HEAD"] : [name])).join(", ");
  for (const [name, { handler }] of Object.entries(methods)) control.on(name, path, handler);
  const also = path === HEARTBEAT ? " A WebSocket is opened by GET with Upgrade: websocket." : "";
  const detail = `Use ${allow.replace(", ", " or ")}; no other method is for this path.${also}`;
  control.all(path, (call) => problem(call, { type: "method_not_allowed", allow, detail }));
}
control.notFound((call) => {
  const { path } = call.req;
  const detail = `There is nothing at ${path}.${SPLIT_NAME.test(path) ? " A / in an app's or replica's name is written %2F." : ""}`;
  return problem(call, { type: "not_found", detail });
});
control.onError((error) => {
  throw error;
});

async function heartbeat(request: Request, { env, settings, requestId }: Bindings): Promise<Response> {
  const result = await takeHeartbeat(request, env, settings);
  return result.ok ? json(result.value, requestId) : problemResponse(result.error, request, requestId);
}

/** The same path with `Upgrade: websocket`. Any other GET of it is 405. */
async function heartbeatSocket(call: Call): Promise<Response> {
  const result = await openHeartbeatSocket(call.req.raw, call.env.env, call.env.settings);
  return result.ok ? result.value : problem(call, result.error);
}

function health(call: Call): Response {
  const warnings = misspeltSettings(Object.keys(call.env.env)).map(({ warning }) => warning);
  const missing = missingSettings(call.env.settings);
  return answer(call, { status: "ok", ...(missing.length > 0 && { missing }), ...(warnings.length > 0 && { warnings }) });
}

function route(handler: Handler, tokens: readonly TokenKind[], operation: Operation): Route {
  return { handler, tokens, operation };
}

function open(handler: Handler, operation: Operation): Route {
  return route(handler, [], operation);
}

/** Pages for people, which the document leaves out. */
function pages(handlers: Readonly<Record<string, Readonly<Record<string, Handler>>>>): typeof ROUTES {
  const asRoutes = (methods: Readonly<Record<string, Handler>>) =>
    Object.fromEntries(Object.entries(methods).map(([name, handler]) => [name, { handler, tokens: [], operation: null }]));
  return Object.fromEntries(Object.entries(handlers).map(([path, methods]) => [path, asRoutes(methods)]));
}

/** Only the administrator may call the handler; nobody if no ADMIN_TOKEN is set. */
function admin(handler: Handler, operation: Operation): Route {
  const guarded: Handler = async (call) => {
    const token = call.env.settings.ADMIN_TOKEN;
    const admitted = token !== null && bearsToken(call.req.raw, token);
    return admitted ? handler(call) : problem(call, { type: "unauthorized" });
  };
  return route(guarded, ["admin"], operation);
}

/** So may those with METRICS_TOKEN, who only watch: scrapers and autoscalers. */
function reader(handler: Handler, operation: Operation): Route {
  const guarded: Handler = async (call) => {
    const { ADMIN_TOKEN, METRICS_TOKEN } = call.env.settings;
    const tokens = [ADMIN_TOKEN, METRICS_TOKEN].filter((token) => token !== null);
    const admitted = tokens.map((token) => bearsToken(call.req.raw, token)).includes(true);
    return admitted ? handler(call) : problem(call, { type: "unauthorized" });
  };
  return route(guarded, ["admin", "metrics"], operation);
}

function openApi(call: Call): Response {
  const headers = { "content-type": "application/json", "cache-control": "no-store", "x-fal-request-id": call.env.requestId };
  return new Response(openApiText(ROUTES), { headers });
}

/** What a scraper is told. */
async function metrics(call: Call): Promise<Response> {
  const { env, settings, requestId } = call.env;
  const text = await scrape(env, settings, call.req.query("after") ?? "");
  return new Response(text, {
    headers: { "content-type": OPENMETRICS, "cache-control": "no-store", "x-fal-request-id": requestId },
  });
}
