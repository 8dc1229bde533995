// The list of models as OpenAI's clients ask for it, with MODELS_ENDPOINT=openai: the fleet's hints, without a slot and without a replica.
import type { Fleet } from "../../durable-objects/fleet.ts";
import { BOUNDS } from "../limits.ts";
import { failed, type Result } from "../router-error.ts";
import { LIMITS } from "../routing/limits.ts";
import type { ModelList } from "../views/models.ts";
import { TOO_LATE } from "./alarm.ts";
import { admitOrigin } from "./cors.ts";
import type { Exchange } from "./exchange.ts";
import { objectOf } from "./fleet-stub.ts";
import { LruMap } from "./lru.ts";
import { snapshotOf } from "./snapshots.ts";

const MODELS = "/v1/models";

interface Kept {
  /** The answer's body. */
  readonly text: string;
  readonly atMs: number;
  /** When the object was last asked. Plain data, never a promise: a promise that requests share ends with the request that made it. */
  readonly askedAtMs: number;
}

/** By app. An app of which nothing is kept asks the object with each request. */
const kept = new LruMap<Kept>(BOUNDS.modelsTextPerIsolate, ({ text }) => text.length);

/** Whether the router answers the request by itself. */
export function asksForModels({ settings, client, request: { method } }: Exchange): boolean {
  return (
    settings.MODELS_ENDPOINT !== null && client.path === MODELS && (method === "GET" || method === "HEAD") && !client.webSocket
  );
}

/** The list, a moment old at most; if the object is out of reach, as this isolate last knew it. */
export async function listModels(exchange: Exchange): Promise<Result<Response>> {
  const { request, settings, requestId } = exchange;
  const text = await bodyOf(exchange);
  if (text === null) return failed({ type: "runner_scheduling_failure", retryAfterMs: 1000 });
  const headers = { "content-type": "application/json", "cache-control": "no-store", "x-fal-request-id": requestId };
  exchange.record.ended("complete");
  const response = new Response(request.method === "HEAD" ? null : text, { headers });
  return { ok: true, value: admitOrigin(response, request, settings.CORS_ORIGINS) };
}

/** Null: the object does not answer, and this isolate knows nothing of the fleet that may still be told. */
async function bodyOf(exchange: Exchange): Promise<string | null> {
  const { client, settings, arrivedAtMs: now } = exchange;
  const { app } = client;
  const last = kept.get(app);
  const before = last !== undefined && now - last.atMs <= settings.SNAPSHOT_MAX_AGE_MS ? last : undefined;
  if (before !== undefined && now - before.askedAtMs < BOUNDS.modelsAgeMs) return before.text;
  if (before !== undefined) kept.set(app, { ...before, askedAtMs: now });
  const list = await askObject(exchange);
  if (list !== null) {
    const text = textOf(list);
    kept.set(app, { text, atMs: now, askedAtMs: now });
    return text;
  }
  if (before !== undefined) return before.text;
  const snapshot = snapshotOf(app, settings.SNAPSHOT_MAX_AGE_MS, now);
  return snapshot && textOf(listOf(snapshot.copy.replicas));
}

/** Null: it does not answer. */
async function askObject(exchange: Exchange): Promise<ModelList | null> {
  const fleet: DurableObjectStub<Fleet> = objectOf(exchange);
  try {
    const list = await exchange.alarm.within(Promise.resolve(fleet.models()), BOUNDS.modelsMs);
    return list === TOO_LATE ? null : list;
  } catch (error) {
    console.warn(JSON.stringify({ message: "the fleet did not answer", app: exchange.client.app, error: String(error) }));
    return null;
  }
}

/** By the isolate's copy of the fleet, which has ready replicas alone, knows of no loads, and leaves out what is likely evicted next. */
function listOf(replicas: Iterable<{ readonly hints: readonly string[] }>): ModelList {
  const holders = new Map<string, number>();
  for (const { hints } of replicas) for (const hint of hints) holders.set(hint, (holders.get(hint) ?? 0) + 1);
  const models = [...holders].map(([hint, replicas]) => ({ hint, replicas, loading: 0 }));
  return { models: models.slice(0, LIMITS.modelsListed), truncated: models.length > LIMITS.modelsListed };
}

/** As OpenAI has it. When a model was made is not known. */
function textOf({ models, truncated }: ModelList): string {
  const data = models.map(({ hint, ...warmpath }) => {
    return { id: hint, object: "model", created: 0, owned_by: "warmpath", warmpath };
  });
  return JSON.stringify({ object: "list", data, ...(truncated && { warmpath: { truncated } }) });
}
