// The Worker's entry: /-/ is the control plane's, everything else is a client's request and goes to a replica. The control plane answers in HTTP itself;
// any other error becomes HTTP here.
import { countRequest } from "./analytics.ts";
import { answerControl } from "./control/control.ts";
import { withCors } from "./edge/cors.ts";
import { route } from "./edge/route.ts";
import { problemResponse } from "./problem.ts";
import { logRequest } from "./request-log.ts";
import { factsOf, RequestRecord } from "./request-record.ts";
import { traceRequest } from "./request-trace.ts";
import { failed, type Result, type RouterError } from "./router-error.ts";
import { settingsOf, type Settings, type SettingsResult } from "./settings/settings.ts";
import { isControlPath, urlOf, type SplitUrl } from "./wire/request-url.ts";

export { Directory } from "../durable-objects/directory.ts";
export { Fleet } from "../durable-objects/fleet.ts";

export default {
  async fetch(request, env, ctx): Promise<Response> {
    const requestId = crypto.randomUUID();
    const settings = settingsOf(env);
    if (!settings.ok) return problemResponse(misconfigured(settings), request, requestId);
    const call = { request, env, ctx, settings: settings.settings, requestId };
    const url = urlOf(request);
    const response = url !== null && isControlPath(url.path) ? await answerOperator(call, url) : await answerClient(call, url);
    return withCors(response, request, settings.settings.CORS_ORIGINS);
  },
} satisfies ExportedHandler<Cloudflare.Env>;

interface Call {
  readonly request: Request;
  readonly env: Cloudflare.Env;
  readonly ctx: ExecutionContext;
  readonly settings: Settings;
  readonly requestId: string;
}

async function answerOperator({ request, env, ctx, settings, requestId }: Call, url: SplitUrl): Promise<Response> {
  const bindings = { env, settings, requestId };
  const answer = await guarded(requestId, async () => ({
    ok: true,
    value: await answerControl(request, url.path, bindings, ctx),
  }));
  return answer.ok ? answer.value : problemResponse(answer.error, request, requestId);
}

/** Only clients' requests are in log, traces and Analytics Engine. `url` null: the Host header is none. */
async function answerClient({ request, env, ctx, settings, requestId }: Call, url: SplitUrl | null): Promise<Response> {
  const record = new RequestRecord();
  let response: Response | null = null;
  const facts = () => factsOf(request, requestId, url?.path ?? "", response, settings);
  const endWait = countRequest(env, { request, ctx, record, facts });
  const answer = await guarded(requestId, async () => {
    if (url === null) return failed({ type: "bad_request", detail: "The Host header must be a host, or a host and a port." });
    if (url.host !== settings.DASHBOARD_HOST) return route(request, url, env, ctx, settings, requestId, record);
    return failed({ type: "not_found", detail: "At this host there is the dashboard alone, at /-/." });
  });
  response = answer.ok ? answer.value : problemResponse(answer.error, request, requestId);
  if (!answer.ok) record.ended("refused");
  record.answered();
  if (response.webSocket !== null) endWait();
  if (settings.LOG === "requests") logRequest(facts(), record.answeredAfterMs ?? 0, settings, Math.random());
  traceRequest(facts, record, request);
  return response;
}

async function guarded(requestId: string, answer: () => Promise<Result<Response>>): Promise<Result<Response>> {
  try {
    return await answer();
  } catch (error) {
    console.error(JSON.stringify({ message: "a request failed in the router", requestId, error: describe(error) }));
    return failed({ type: "internal_error" });
  }
}

function misconfigured({ setting, detail }: Extract<SettingsResult, { ok: false }>): RouterError {
  return { type: "misconfigured", setting, detail: `${setting} ${detail}.` };
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
