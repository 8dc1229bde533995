// Heartbeats from HTTP to the Fleet object and back. The order of the checks is part of the contract. Of `POST /-/heartbeat`: size, token, JSON, the
// app's name, the token's right to the app, the other fields, the origin, the replica's rate. The object then checks the app's rate and whether the report
// is late. Of a WebSocket's handshake: token, handshake, the app's name, the token's right to the app. The object then checks whether there is room, and
// each frame as a POST (durable-objects/heartbeat-sockets.ts).
import { fleetOf } from "../edge/fleet-stub.ts";
import { rememberApp } from "../edge/known-apps.ts";
import { clientKey, rateFault, replicaKey } from "../edge/rate-limits.ts";
import { webSocketFault } from "../edge/websocket-handshake.ts";
import { failed, type Result, type RouterError } from "../router-error.ts";
import { LIMITS } from "../routing/limits.ts";
import { parseHeartbeatApp, type HeartbeatReply } from "../wire/heartbeat.ts";
import { invalid, readAppOf, readReport, replyTo } from "../wire/heartbeat-exchange.ts";
import { BOUNDS } from "../limits.ts";
import type { Settings } from "../settings/settings.ts";
import { appsOfToken } from "./auth.ts";
import { readText } from "./bounded-body.ts";

export async function takeHeartbeat(request: Request, env: Cloudflare.Env, settings: Settings): Promise<Result<HeartbeatReply>> {
  const cameAtMs = Date.now();
  let text: string | null;
  try {
    text = await readText(request, BOUNDS.heartbeatBodyBytes);
  } catch {
    return failed({ type: "bad_request", detail: "The body broke off." });
  }
  if (text === null) {
    return failed({ type: "payload_too_large", detail: `A heartbeat has at most ${BOUNDS.heartbeatBodyBytes} bytes.` });
  }
  const apps = await admittedApps(request, env, settings);
  if (!apps.ok) return apps;
  const read = readAppOf(text, "body");
  if (!read.ok) return read;
  const { json, app } = read.value;
  const forbidden = appFault(apps.value, app);
  if (forbidden !== null) return failed(forbidden);
  const beat = readReport(json, request.url, settings);
  if (!beat.ok) return beat;
  const key = replicaKey(app, beat.value.replica);
  const limited = await rateFault(env, "HEARTBEAT_LIMIT", key, "The replica sends too many heartbeats.");
  if (limited !== null) return failed(limited);
  const report = { ...beat.value, hints: beat.value.hints && [...beat.value.hints] };
  const answer = await fleetOf(env, settings, app).heartbeat(report, Date.now() - cameAtMs);
  if (answer.kind === "accepted" && beat.value.status !== "stopped") rememberApp(app, Date.now());
  return replyTo(json, answer);
}

/** The object's own 101, as it is: the frames then pass no Worker. */
export async function openHeartbeatSocket(request: Request, env: Cloudflare.Env, settings: Settings): Promise<Result<Response>> {
  const apps = await admittedApps(request, env, settings);
  if (!apps.ok) return apps;
  const fault = webSocketFault(request);
  if (fault !== null) return failed({ type: "bad_request", detail: fault });
  const app = parseHeartbeatApp({ app: new URL(request.url).searchParams.get("app") ?? undefined });
  if (!app.ok) return invalid(app.field, app.detail);
  const forbidden = appFault(apps.value, app.value);
  if (forbidden !== null) return failed(forbidden);
  const response = await fleetOf(env, settings, app.value).fetch(request.url, { headers: { upgrade: "websocket" } });
  if (response.status === 101) return { ok: true, value: response };
  return failed({ type: "fleet_full", detail: `The app has ${LIMITS.replicasPerApp} WebSockets.` });
}

/** The apps that the request's token is for. */
async function admittedApps(request: Request, env: Cloudflare.Env, settings: Settings): Promise<Result<ReadonlySet<string>>> {
  const apps = appsOfToken(request, settings.HEARTBEAT_TOKENS);
  if (apps.size > 0) return { ok: true, value: apps };
  const tooMany = "Too many heartbeats without a valid token.";
  const limited = await rateFault(env, "HEARTBEAT_LIMIT", clientKey(request), tooMany);
  return failed(limited ?? { type: "unauthorized" });
}

function appFault(apps: ReadonlySet<string>, app: string): RouterError | null {
  return apps.has("*") || apps.has(app) ? null : { type: "forbidden", detail: `The token is not for the app ${app}.` };
}
