// A client's request, from its arrival to its answer: read, admit, send, relay. Any step can end it with the router's own answer.
import type { RequestRecord } from "../request-record.ts";
import { failed, type Result } from "../router-error.ts";
import type { SplitUrl } from "../wire/request-url.ts";
import type { Settings } from "../settings/settings.ts";
import { announce } from "./announce.ts";
import { Alarm } from "./alarm.ts";
import { admit, errorOf } from "./admission.ts";
import { takeBody } from "./body.ts";
import { readClientRequest } from "./client-request.ts";
import type { Exchange } from "./exchange.ts";
import { unknownAppFault } from "./known-apps.ts";
import { asksForModels, listModels } from "./models.ts";
import { relay } from "./relay.ts";
import { noteHints } from "./request-hints.ts";
import { send } from "./send.ts";
import { keepSnapshot } from "./snapshots.ts";

export async function route(
  request: Request,
  url: SplitUrl,
  env: Cloudflare.Env,
  ctx: ExecutionContext,
  settings: Settings,
  requestId: string,
  record: RequestRecord,
): Promise<Result<Response>> {
  const arrivedAtMs = Date.now();
  const read = readClientRequest(request, url, settings);
  if (!read.ok) return read;
  const client = read.value;
  const exchange = { request, url, env, ctx, settings, requestId, arrivedAtMs, client, alarm: new Alarm(), record };
  const unknown = await unknownAppFault(exchange);
  if (unknown !== null) return failed(unknown);
  record.app = client.app;
  keepSnapshot(exchange);
  if (client.prewarm.length > 0) ctx.waitUntil(announce(exchange));
  if (asksForModels(exchange)) return listModels(exchange);
  const body = await takeBody(exchange);
  if (!body.ok) return body;
  const { hint } = body.value;
  const hinted = hint === null ? exchange : withHint(exchange, hint);
  noteHints(request, hinted.client.hints);
  try {
    const admission = await admit(hinted, []);
    if (admission.kind !== "granted") return failed(errorOf(admission, client));
    const sent = await send(hinted, body.value, admission);
    return sent.ok ? await relay(hinted, sent.value) : sent;
  } finally {
    body.value.giveBack();
  }
}

/** The request with the hint of its body. */
function withHint(exchange: Exchange, hint: string): Exchange {
  return { ...exchange, client: { ...exchange.client, hints: [hint] } };
}
