// A client's request, from its arrival to its answer: read, admit, send, relay. Any step can end it with the router's own answer.
import { failed, type Result } from "../router-error.ts";
import type { Settings } from "../settings/settings.ts";
import { admit, errorOf } from "./admission.ts";
import { takeBody } from "./body.ts";
import { readClientRequest } from "./client-request.ts";
import { unknownAppFault } from "./known-apps.ts";
import { relay } from "./relay.ts";
import { send } from "./send.ts";
import { refreshSnapshot } from "./snapshots.ts";

export async function route(
  request: Request,
  env: Cloudflare.Env,
  ctx: ExecutionContext,
  settings: Settings,
  requestId: string,
): Promise<Result<Response>> {
  const arrivedAtMs = Date.now();
  const read = readClientRequest(request, settings);
  if (!read.ok) return read;
  const client = read.value;
  const unknown = await unknownAppFault(request, env, client.app, arrivedAtMs, client.timeoutMs);
  if (unknown !== null) return failed(unknown);
  const exchange = { request, env, ctx, settings, requestId, arrivedAtMs, client };
  ctx.waitUntil(refreshSnapshot(env, settings, client.app, arrivedAtMs));
  const body = await takeBody(exchange);
  if (!body.ok) return body;
  try {
    const admission = await admit(exchange, []);
    if (admission.kind !== "granted") return failed(errorOf(admission, client));
    const sent = await send(exchange, body.value, admission);
    return sent.ok ? await relay(exchange, sent.value) : sent;
  } finally {
    body.value.giveBack();
  }
}
