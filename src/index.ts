// The Worker: /-/ is the control plane's, everything else is a client's and goes to a replica.
import { control } from "./control/control.ts";
import { withCors } from "./edge/cors.ts";
import { hasPlainHost, isControlPath, splitUrl } from "./edge/client-request.ts";
import { route } from "./edge/route.ts";
import { problemResponse } from "./problem.ts";
import { settingsOf, type Settings } from "./settings/settings.ts";

export { Directory } from "../durable-objects/directory.ts";
export { Fleet } from "../durable-objects/fleet.ts";

export default {
  async fetch(request, env, ctx): Promise<Response> {
    const requestId = crypto.randomUUID();
    const settings = settingsOf(env);
    if (!settings.ok) {
      const { setting, detail } = settings;
      return problemResponse({ type: "misconfigured", setting, detail: `${setting} ${detail}.` }, request, requestId);
    }
    const response = await answer(request, env, ctx, settings.settings, requestId);
    return withCors(response, request, settings.settings.CORS_ORIGINS);
  },
} satisfies ExportedHandler<Cloudflare.Env>;

async function answer(
  request: Request,
  env: Cloudflare.Env,
  ctx: ExecutionContext,
  settings: Settings,
  requestId: string,
): Promise<Response> {
  try {
    if (!hasPlainHost(request)) {
      const detail = "The Host header must be a host, or a host and a port.";
      return problemResponse({ type: "bad_request", detail }, request, requestId);
    }
    const { path } = splitUrl(request.url);
    if (!isControlPath(path)) return await route(request, env, ctx, settings, requestId);
    return await control.fetch(request, { env, settings, requestId }, ctx);
  } catch (error) {
    console.error(JSON.stringify({ message: "a request failed in the router", requestId, error: describe(error) }));
    return problemResponse({ type: "internal_error" }, request, requestId);
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
