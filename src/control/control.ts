// The control plane, everything under /-/: heartbeats, the administrator's calls, health.
import { Hono, type Context } from "hono";
import { fleetOf } from "../edge/fleet-stub.ts";
import { appExists } from "../edge/known-apps.ts";
import { asksForWebSocket } from "../edge/websocket-handshake.ts";
import { problemResponse } from "../problem.ts";
import type { RouterError } from "../router-error.ts";
import { isAppName } from "../wire/heartbeat.ts";
import { parseRequestHints } from "../wire/hints.ts";
import { splitUrl } from "../wire/request-url.ts";
import { parseScaleQuery } from "../wire/scale-query.ts";
import { BOUNDS } from "../limits.ts";
import { DIRECTORY_NAME } from "../settings/directory-name.ts";
import { misspeltSettings } from "../settings/misspelt.ts";
import type { Settings } from "../settings/settings.ts";
import { bearsToken } from "./auth.ts";
import { OPENMETRICS } from "./openmetrics.ts";
import { scrape } from "./scrape.ts";
import { openHeartbeatSocket, takeHeartbeat } from "./heartbeat.ts";

interface Bindings {
  readonly env: Cloudflare.Env;
  readonly settings: Settings;
  readonly requestId: string;
}

type Call = Context<{ Bindings: Bindings }>;
type Handler = (call: Call) => Promise<Response> | Response;

const HEARTBEAT = "/-/heartbeat";

/** Methods by path. Another method on such a path is 405, any other path 404. */
const ROUTES: Readonly<Record<string, Readonly<Record<string, Handler>>>> = {
  "/-/healthz": { GET: health },
  [HEARTBEAT]: { POST: (call) => heartbeat(call.req.raw, call.env) },
  "/-/metrics": { GET: reader(metrics) },
  "/-/apps": { GET: admin(listApps) },
  "/-/apps/:app": { GET: admin(viewApp) },
  "/-/apps/:app/explain": { GET: admin(explainApp) },
  "/-/apps/:app/scale": { GET: reader(scaleApp) },
  "/-/apps/:app/replicas/:replica": { DELETE: admin(removeReplica) },
  "/-/apps/:app/replicas/:replica/drain": { POST: admin((call) => drainReplica(call, true)) },
  "/-/apps/:app/replicas/:replica/undrain": { POST: admin((call) => drainReplica(call, false)) },
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
const control = new Hono<{ Bindings: Bindings }>({ getPath: (request) => splitUrl(request.url).path });
control.get(HEARTBEAT, (call, next) => (asksForWebSocket(call.req.raw.headers) ? heartbeatSocket(call) : next()));
for (const [path, methods] of Object.entries(ROUTES)) {
  const names = Object.keys(methods);
  const allow = names.flatMap((name) => (name === "GET" ? ["GET", "HEAD"] : [name])).join(", ");
  for (const [name, handler] of Object.entries(methods)) control.on(name, path, handler);
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
  return answer(call, { status: "ok", ...(warnings.length > 0 && { warnings }) });
}

/** Only the administrator may call the handler; nobody if no ADMIN_TOKEN is set. */
function admin(handler: Handler): Handler {
  return async (call) => {
    const token = call.env.settings.ADMIN_TOKEN;
    const admitted = token !== null && bearsToken(call.req.raw, token);
    return admitted ? handler(call) : problem(call, { type: "unauthorized" });
  };
}

/** So may those with METRICS_TOKEN, who only watch: scrapers and autoscalers. */
function reader(handler: Handler): Handler {
  return async (call) => {
    const { ADMIN_TOKEN, METRICS_TOKEN } = call.env.settings;
    const tokens = [ADMIN_TOKEN, METRICS_TOKEN].filter((token) => token !== null);
    const admitted = tokens.map((token) => bearsToken(call.req.raw, token)).includes(true);
    return admitted ? handler(call) : problem(call, { type: "unauthorized" });
  };
}

/** What a scraper is told. */
async function metrics(call: Call): Promise<Response> {
  const { env, settings, requestId } = call.env;
  const text = await scrape(env, settings, call.req.query("after") ?? "");
  return new Response(text, {
    headers: { "content-type": OPENMETRICS, "cache-control": "no-store", "x-fal-request-id": requestId },
  });
}

async function listApps(call: Call): Promise<Response> {
  const directory = call.env.env.DIRECTORY.getByName(DIRECTORY_NAME);
  const apps = await directory.list(call.req.query("after") ?? "", BOUNDS.appsPerPage);
  return answer(call, { apps, next: apps.length === BOUNDS.appsPerPage ? (apps.at(-1)?.app ?? null) : null });
}

async function viewApp(call: Call): Promise<Response> {
  const app = await knownApp(call);
  const view = app === null ? null : await stubOf(call, app).view();
  return view === null ? noApp(call) : answer(call, view);
}

async function explainApp(call: Call): Promise<Response> {
  const hints = parseRequestHints(call.req.queries("hint") ?? []);
  if (!hints.ok) return problem(call, { type: "bad_request", detail: `hint: ${hints.detail}` });
  const app = await knownApp(call);
  return app === null ? noApp(call) : answer(call, await stubOf(call, app).explain([...hints.hints]));
}

/** An app without replicas has an answer too, as long as it is known. */
async function scaleApp(call: Call): Promise<Response> {
  const options = parseScaleQuery(new URL(call.req.url).searchParams);
  if (!options.ok) return problem(call, { type: "bad_request", detail: `${options.field} ${options.detail}.` });
  const app = await knownApp(call);
  return app === null ? noApp(call) : answer(call, { app, ...(await stubOf(call, app).scale(options.value)) });
}

async function drainReplica(call: Call, drained: boolean): Promise<Response> {
  const app = await knownApp(call);
  if (app === null) return noApp(call);
  const replica = call.req.param("replica") ?? "";
  if (!(await stubOf(call, app).drain(replica, drained))) return noReplica(call, replica);
  return answer(call, { app, replica, drained });
}

async function removeReplica(call: Call): Promise<Response> {
  const app = await knownApp(call);
  if (app === null) return noApp(call);
  const replica = call.req.param("replica") ?? "";
  if (!(await stubOf(call, app).remove(replica))) return noReplica(call, replica);
  return answer(call, { app, replica, deleted: true });
}

/** The app in the path; null: there is no such app. If the Directory can't say, the administrator may ask the app's object. */
async function knownApp(call: Call): Promise<string | null> {
  const app = call.req.param("app") ?? "";
  return isAppName(app) && (await appExists(call.env.env, app, Date.now())) !== false ? app : null;
}

function stubOf(call: Call, app: string) {
  return fleetOf(call.env.env, call.env.settings, app);
}

function noApp(call: Call): Response {
  return problem(call, { type: "app_not_found", detail: `The app ${call.req.param("app") ?? ""} has no replicas.` });
}

function noReplica(call: Call, replica: string): Response {
  return problem(call, { type: "not_found", detail: `The app has no replica ${replica}.` });
}

function answer(call: Call, body: object): Response {
  return json(body, call.env.requestId);
}

function json(body: object, requestId: string): Response {
  return Response.json(body, { headers: { "cache-control": "no-store", "x-fal-request-id": requestId } });
}

function problem(call: Call, error: RouterError): Response {
  return problemResponse(error, call.req.raw, call.env.requestId);
}
