// The Worker's entry: /-/ is the control plane's, everything else is a client's request and goes to a replica. The control plane answers in HTTP itself;
// any other error becomes HTTP here.
import { answerControl } from "./control/control.ts";
import { withCors } from "./edge/cors.ts";
import { route } from "./edge/route.ts";
import { problemResponse } from "./problem.ts";
import { logRequest } from "./request-log.ts";
import { failed, type Result } from "./router-error.ts";
import { settingsOf, type Settings, type SettingsResult } from "./settings/settings.ts";
import { isControlPath, urlOf } from "./wire/request-url.ts";

export { Directory } from "../durable-objects/directory.ts";
export { Fleet } from "../durable-objects/fleet.ts";

export default {
  async fetch(request, env, ctx): Promise<Response> {
    const startedAtMs = Date.now();
    const requestId = crypto.randomUUID();
    const settings = settingsOf(env);
    const answer = settings.ok ? await answerTo(request, env, ctx, settings.settings, requestId) : misconfigured(settings);
    const response = answer.ok ? answer.value : problemResponse(answer.error, request, requestId);
    if (!settings.ok) return response;
    if (settings.settings.LOG === "requests") log(request, response, settings.settings, startedAtMs);
    return withCors(response, request, settings.settings.CORS_ORIGINS);
  },
} satisfies ExportedHandler<Cloudflare.Env>;

async function answerTo(
  request: Request,
  env: Cloudflare.Env,
  ctx: ExecutionContext,
  settings: Settings,
  requestId: string,
): Promise<Result<Response>> {
  try {
    const url = urlOf(request);
    if (url === null) return failed({ type: "bad_request", detail: "The Host header must be a host, or a host and a port." });
    if (!isControlPath(url.path) && url.host === settings.DASHBOARD_HOST) {
      return failed({ type: "not_found", detail: "At this host there is the dashboard alone, at /-/." });
    }
    if (!isControlPath(url.path)) return await route(request, url, env, ctx, settings, requestId);
    return { ok: true, value: await answerControl(request, url.path, { env, settings, requestId }, ctx) };
  } catch (error) {
    console.error(JSON.stringify({ message: "a request failed in the router", requestId, error: describe(error) }));
    return failed({ type: "internal_error" });
  }
}

/** Calls of the control plane have no line. */
function log(request: Request, response: Response, settings: Settings, startedAtMs: number): void {
  const path = urlOf(request)?.path ?? "";
  if (!isControlPath(path)) logRequest(request, path, response, settings, Math.random(), Date.now() - startedAtMs);
}

function misconfigured({ setting, detail }: Extract<SettingsResult, { ok: false }>): Result<never> {
  return failed({ type: "misconfigured", setting, detail: `${setting} ${detail}.` });
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
