// A client's request as the steps of an edge see it, for tests that call one step alone.
import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { Alarm } from "../../src/edge/alarm.ts";
import { readClientRequest } from "../../src/edge/client-request.ts";
import type { Exchange } from "../../src/edge/exchange.ts";
import { RequestRecord } from "../../src/request-record.ts";
import { settingsOf } from "../../src/settings/settings.ts";
import { splitUrl } from "../../src/wire/request-url.ts";

export interface TestExchange extends Exchange {
  /** Ends once everything that was left in `waitUntil` is over. */
  readonly over: () => Promise<void>;
}

/** A request for the app that arrives at that time. */
export function exchangeOf(env: Cloudflare.Env, app: string, arrivedAtMs: number): TestExchange {
  const settings = settingsOf(env);
  if (!settings.ok) throw new Error(settings.detail);
  const request = new Request(`https://router.example.com/${app}/x`) as Request<unknown, IncomingRequestCfProperties>;
  const url = splitUrl(request.url);
  const client = readClientRequest(request, url, settings.settings);
  if (!client.ok) throw new Error("not a client's request");
  const ctx = createExecutionContext();
  return {
    ...{ request, url, env, ctx, settings: settings.settings, requestId: "test", arrivedAtMs },
    ...{ client: client.value, alarm: new Alarm(), record: new RequestRecord(), over: () => waitOnExecutionContext(ctx) },
  };
}
