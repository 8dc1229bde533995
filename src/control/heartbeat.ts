// POST /-/heartbeat: from HTTP to the Fleet object and back. The order of the checks is part of the contract: size, token, JSON, the app's name, the
// token's right to the app, the other fields, the origin, the replica's rate. The object then checks the app's rate and whether the report is late.
import { fleetOf } from "../edge/fleet-stub.ts";
import { rememberApp } from "../edge/known-apps.ts";
import { clientKey, rateFault, replicaKey } from "../edge/rate-limits.ts";
import { failed, type Result } from "../router-error.ts";
import { heartbeatWarnings, parseHeartbeat, parseHeartbeatApp } from "../wire/heartbeat.ts";
import { BOUNDS } from "../limits.ts";
import { originFault } from "../settings/origin-policy.ts";
import type { Settings } from "../settings/settings.ts";
import { appsOfToken } from "./auth.ts";
import { readText } from "./bounded-body.ts";

interface HeartbeatAnswer {
  readonly time_to_live_ms: number;
  readonly next_heartbeat_ms: number;
  /** Absent: there are none. */
  readonly warnings?: readonly string[];
}

export async function takeHeartbeat(request: Request, env: Cloudflare.Env, settings: Settings): Promise<Result<HeartbeatAnswer>> {
  const cameAtMs = Date.now();
  let text: string | null;
  try {
    text = await readText(request, BOUNDS.heartbeatBodyBytes);
  } catch {
    return failed({ type: "bad_request", detail: "The body broke off." });
  }
  if (text === null) {
    return failed({ type: "payload_too_large", detail: `A heartbeat has at most ${BOUNDS.heartbeatBodyBytes} bytes.` });
  }
  const apps = await appsOfToken(request, settings.HEARTBEAT_TOKENS);
  if (apps.size === 0) {
    const tooMany = "Too many heartbeats without a valid token.";
    const limited = await rateFault(env, "HEARTBEAT_LIMIT", clientKey(request), tooMany);
    return failed(limited ?? { type: "unauthorized" });
  }
  const json = parseJson(text);
  if (json === undefined) return failed({ type: "bad_request", detail: "The body is not JSON." });
  const app = parseHeartbeatApp(json);
  if (!app.ok) return invalid(app.field, app.detail);
  if (!apps.has("*") && !apps.has(app.value)) {
    return failed({ type: "forbidden", detail: `The token is not for the app ${app.value}.` });
  }
  const beat = parseHeartbeat(json);
  if (!beat.ok) return invalid(beat.field, beat.detail);
  const fault = originFault(beat.value.origin, app.value, request.url, settings);
  if (fault !== null) return invalid("origin", fault);
  const key = replicaKey(app.value, beat.value.replica);
  const limited = await rateFault(env, "HEARTBEAT_LIMIT", key, "The replica sends too many heartbeats.");
  if (limited !== null) return failed(limited);
  const report = { ...beat.value, hints: beat.value.hints && [...beat.value.hints] };
  const answer = await fleetOf(env, settings, app.value).heartbeat(report, Date.now() - cameAtMs);
  switch (answer.kind) {
    case "accepted": {
      if (beat.value.status !== "stopped") rememberApp(app.value, Date.now());
      const warnings = [...heartbeatWarnings(json), ...replacedWarning(answer.replaced)];
      const times = { time_to_live_ms: answer.timeToLiveMs, next_heartbeat_ms: answer.nextHeartbeatMs };
      return { ok: true, value: { ...times, ...(warnings.length > 0 && { warnings }) } };
    }
    case "stale":
      return failed({ type: "stale_heartbeat", incarnation: answer.incarnation, sequence: answer.sequence });
    case "origin_taken":
      return failed({ type: "origin_taken", replica: answer.replica, incarnation: answer.incarnation });
    case "fleet_full":
      return failed({ type: "fleet_full", detail: `${answer.detail}.` });
    case "rate_limited": {
      const detail = `The app sends more than ${answer.limit} heartbeats a second.`;
      return failed({ type: "rate_limited", detail, retryAfterMs: 1000 });
    }
  }
}

/** Two processes that report one origin end each other's entries in turn. Only this warning shows that. */
function replacedWarning(replaced: string | null): readonly string[] {
  return replaced === null ? [] : [`origin was that of the replica ${replaced}, which counts as gone now`];
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function invalid(field: string, detail: string): Result<never> {
  return failed({ type: "invalid_heartbeat", field, detail: `${field} ${detail}.` });
}
