// A client's request, from its arrival to its answer: read, admit, send, relay. Any step can end it with the router's own answer.
import type { RequestRecord } from "../request-record.ts";
import { failed, type Result } from "../router-error.ts";
import type { SplitUrl } from "../wire/request-url.ts";
import type { Settings } from "../settings/settings.ts";
import { Alarm } from "./alarm.ts";
import { admit, errorOf } from "./admission.ts";
import { takeBody } from "./body.ts";
import { readClientRequest } from "./client-request.ts";
import { unknownAppFault } from "./known-apps.ts";
import { relay } from "./relay.ts";
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
