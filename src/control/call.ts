// A call of the control plane, as all of its handlers get it.
import type { Context } from "hono";
import { problemResponse } from "../problem.ts";
import type { RouterError } from "../router-error.ts";
import { appExists } from "../edge/known-apps.ts";
import type { Settings } from "../settings/settings.ts";
import { isAppName } from "../wire/heartbeat.ts";

export interface Bindings {
  readonly env: Cloudflare.Env;
  readonly settings: Settings;
  readonly requestId: string;
}

export type Call = Context<{ Bindings: Bindings }>;
export type Handler = (call: Call) => Promise<Response> | Response;

/** The app in the path; null: there is no such app. If the Directory can't say, the administrator may ask the app's object. */
export async function knownApp(call: Call): Promise<string | null> {
  const app = call.req.param("app") ?? "";
  return isAppName(app) && (await appExists(call.env.env, app, Date.now())) !== false ? app : null;
}

export function answer(call: Call, body: object): Response {
  return json(body, call.env.requestId);
}

export function json(body: object, requestId: string): Response {
  return Response.json(body, { headers: { "cache-control": "no-store", "x-fal-request-id": requestId } });
}

export function problem(call: Call, error: RouterError): Response {
  return problemResponse(error, call.req.raw, call.env.requestId);
}
