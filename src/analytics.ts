// One point a client's request in Workers Analytics Engine, if a dataset is bound as ANALYTICS. It is made for many distinct values, so hints may be
// among them, which are no label of the metrics. docs/operations.md says which column is what.
import { BOUNDS } from "./limits.ts";
import type { RequestEnd, RequestFacts, RequestRecord } from "./request-record.ts";

/** Not in the generated `Env` while wrangler.toml has it commented out. */
interface Analytics {
  readonly ANALYTICS?: AnalyticsEngineDataset;
}

interface Counting {
  readonly request: Request;
  readonly ctx: ExecutionContext;
  readonly record: RequestRecord;
  /** Of the answer, or of a request whose client went before there was one. */
  readonly facts: () => RequestFacts;
}

/**
 * Has the request counted once it is over, however it ends. After a client's reset no code of a request runs unless something is in `waitUntil`, so a promise
 * is there that ends with the request or with the client. Gives a function that takes it away: a WebSocket's events run without.
 */
export function countRequest(env: Cloudflare.Env, { request, ctx, record, facts }: Counting): () => void {
  const dataset = (env as Analytics).ANALYTICS;
  if (dataset === undefined) return () => {};
  const over = Promise.withResolvers<void>();
  ctx.waitUntil(over.promise);
  request.signal.addEventListener("abort", () => record.ended("client_gone"));
  record.whenOver((how, totalMs) => {
    write(dataset, pointOf(record, facts(), how, totalMs));
    over.resolve();
  });
  return () => over.resolve();
}

/** A point that can't be written is one that is missing. */
function write(dataset: AnalyticsEngineDataset, point: AnalyticsEngineDataPoint): void {
  try {
    dataset.writeDataPoint(point);
  } catch (error) {
    console.warn(JSON.stringify({ message: "a request could not be counted", error: String(error) }));
  }
}

/** The order is part of the contract (docs/operations.md): columns have numbers and no names. */
function pointOf(
  { app, attempts, answeredAfterMs }: RequestRecord,
  { reason, status, hint, replica, method, error, queueMs }: RequestFacts,
  how: RequestEnd,
  totalMs: number,
): AnalyticsEngineDataPoint {
  return {
    indexes: [app.slice(0, BOUNDS.analyticsIndexLength)],
    blobs: [reason ?? "", `${Math.floor(status / 100)}xx`, hint ?? "", replica ?? "", method, error ?? how],
    doubles: [queueMs ?? 0, answeredAfterMs ?? 0, totalMs, status, attempts],
  };
}
