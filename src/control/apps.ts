// What an administrator asks of apps, and does to their replicas.
import type { ViewQuery } from "../../durable-objects/fleet-views.ts";
import { fleetOf } from "../edge/fleet-stub.ts";
import { BOUNDS } from "../limits.ts";
import { LIMITS as FLEET } from "../routing/limits.ts";
import { DIRECTORY_NAME } from "../settings/directory-name.ts";
import { parseScaleQuery } from "../wire/scale-query.ts";
import { parseHintParameters, withoutAliases } from "../wire/hints.ts";
import { HINTS_SHOWN, numberIn, SEQUENCE } from "./query.ts";
import { answer, knownApp, problem, type Call, type Handler } from "./call.ts";

export async function listApps(call: Call): Promise<Response> {
  const directory = call.env.env.DIRECTORY.getByName(DIRECTORY_NAME);
  const apps = await directory.list(call.req.query("after") ?? "", BOUNDS.appsPerPage);
  return answer(call, { apps, next: apps.length === BOUNDS.appsPerPage ? (apps.at(-1)?.app ?? null) : null });
}

export async function viewApp(call: Call): Promise<Response> {
  const app = await knownApp(call);
  const view = app === null ? null : await stubOf(call, app).view();
  return view === null ? noApp(call) : answer(call, view);
}

export async function explainApp(call: Call): Promise<Response> {
  const hints = parseHintParameters(call.req.queries("hint") ?? []);
  if (!hints.ok) return problem(call, { type: "bad_request", detail: `hint: ${hints.detail}` });
  return look(call, { view: "explain", hints: [...hints.hints] });
}

/** What the app's object tells, also of an app whose replicas left within 24 hours. */
async function look(call: Call, query: ViewQuery): Promise<Response> {
  const app = await knownApp(call);
  return app === null ? noApp(call) : answer(call, await stubOf(call, app).look(query));
}

export const queue: Handler = (call) => look(call, { view: "queue" });
export const history: Handler = (call) => look(call, { view: "history" });

export async function matrix(call: Call): Promise<Response> {
  const hints = numberIn(call, "hints", HINTS_SHOWN, FLEET.hintsShown);
  if (!hints.ok) return problem(call, { type: "bad_request", detail: hints.detail });
  return look(call, { view: "matrix", hints: hints.value });
}

export async function events(call: Call): Promise<Response> {
  const after = numberIn(call, "after", SEQUENCE, 0);
  if (!after.ok) return problem(call, { type: "bad_request", detail: after.detail });
  return look(call, { view: "events", after: after.value });
}

/** Announces hints for a client that can't send `x-warmpath-prewarm`. */
export async function warmApp(call: Call): Promise<Response> {
  const parameters = call.req.queries("hint") ?? [];
  if (parameters.length === 0) return problem(call, { type: "bad_request", detail: "hint: is required" });
  const hints = parseHintParameters(parameters);
  if (!hints.ok) return problem(call, { type: "bad_request", detail: `hint: ${hints.detail}` });
  const app = await knownApp(call);
  if (app === null) return noApp(call);
  const announced = withoutAliases(hints.hints, call.env.settings.HINT_ALIASES);
  return answer(call, { app, hints: await stubOf(call, app).prewarm([...announced]) });
}

/** An app without replicas has an answer too, as long as it is known. */
export async function scaleApp(call: Call): Promise<Response> {
  const options = parseScaleQuery(new URL(call.req.url).searchParams);
  if (!options.ok) return problem(call, { type: "bad_request", detail: `${options.field} ${options.detail}.` });
  const app = await knownApp(call);
  return app === null ? noApp(call) : answer(call, { app, ...(await stubOf(call, app).scale(options.value)) });
}

export async function drainReplica(call: Call, drained: boolean): Promise<Response> {
  const app = await knownApp(call);
  if (app === null) return noApp(call);
  const replica = call.req.param("replica") ?? "";
  if (!(await stubOf(call, app).drain(replica, drained))) return noReplica(call, replica);
  return answer(call, { app, replica, drained });
}

export async function removeReplica(call: Call): Promise<Response> {
  const app = await knownApp(call);
  if (app === null) return noApp(call);
  const replica = call.req.param("replica") ?? "";
  if (!(await stubOf(call, app).remove(replica))) return noReplica(call, replica);
  return answer(call, { app, replica, deleted: true });
}

function stubOf(call: Call, app: string) {
  return fleetOf(call.env.env, call.env.settings, app);
}

function noApp(call: Call): Response {
  return problem(call, { type: "app_not_found", detail: `The app ${call.req.param("app") ?? ""} has no replicas.` });
}

function noReplica(call: Call, replica: string): Response {
  return problem(call, { type: "not_found", detail: `The app has no replica ${replica}.` });
}
