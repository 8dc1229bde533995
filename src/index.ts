// The Worker's entry: /-/ is the control plane's, everything else is a client's request and goes to a replica. An error of a client's request becomes
// HTTP here.
import { control } from "./control/control.ts";
import { withCors } from "./edge/cors.ts";
import { route } from "./edge/route.ts";
import { problemResponse } from "./problem.ts";
import { failed, type Result } from "./router-error.ts";
import { settingsOf, type Settings } from "./settings/settings.ts";
import { hasPlainHost, isControlPath, splitUrl } from "./wire/request-url.ts";

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
    const answer = await answerTo(request, env, ctx, settings.settings, requestId);
    const response = answer.ok ? answer.value : problemResponse(answer.error, request, requestId);
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
    if (!hasPlainHost(request)) {
      return failed({ type: "bad_request", detail: "The Host header must be a host, or a host and a port." });
    }
    const { path } = splitUrl(request.url);
    if (!isControlPath(path)) return await route(request, env, ctx, settings, requestId);
    return { ok: true, value: await control.fetch(request, { env, settings, requestId }, ctx) };
  } catch (error) {
    console.error(JSON.stringify({ message: "a request failed in the router", requestId, error: describe(error) }));
    return failed({ type: "internal_error" });
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
