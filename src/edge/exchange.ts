// A client's request on its way through the steps of route.ts.
import type { RequestRecord } from "../request-record.ts";
import type { RouterError } from "../router-error.ts";
import type { SplitUrl } from "../wire/request-url.ts";
import type { Settings } from "../settings/settings.ts";
import type { Alarm } from "./alarm.ts";
import type { ClientRequest } from "./client-request.ts";

/** The request, what it says (`client`), and what the runtime gives along. */
export interface Exchange {
  readonly request: Request;
  readonly url: SplitUrl;
  readonly env: Cloudflare.Env;
  readonly ctx: ExecutionContext;
  readonly settings: Settings;
  readonly requestId: string;
  readonly arrivedAtMs: number;
  readonly client: ClientRequest;
  readonly alarm: Alarm;
  readonly record: RequestRecord;
}

/** Time until the request must have been sent; 0 or less: its deadline has passed. */
export function leftMs({ client, arrivedAtMs }: Exchange): number {
  return client.timeoutMs - (Date.now() - arrivedAtMs);
}

/** The error of a request whose deadline has passed before it was sent. */
export function tooLate({ timeoutType }: ClientRequest): RouterError {
  return { type: "request_timeout", timeout: timeoutType, detail: "No replica became free before the request's deadline." };
}
