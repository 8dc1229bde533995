// What a heartbeat is answered, over HTTP and over a WebSocket alike: from its JSON to a report, and from the Fleet object's answer to JSON again.
import type { HeartbeatAnswer } from "../../durable-objects/fleet-answers.ts";
import { problemBody } from "../problem.ts";
import { failed, type Result, type RouterError } from "../router-error.ts";
import type { Heartbeat } from "../routing/ledger/report.ts";
import type { Advice } from "../routing/prewarm.ts";
import { originFault } from "../settings/origin-policy.ts";
import type { Settings } from "../settings/settings.ts";
import { withoutAliases } from "./hints.ts";
import { heartbeatWarnings, parseHeartbeat, parseHeartbeatApp, type HeartbeatReply } from "./heartbeat.ts";

/** The heartbeat's JSON and the app that it names. */
export function readAppOf(text: string, what: "body" | "frame"): Result<{ readonly json: unknown; readonly app: string }> {
  const json = parseJson(text);
  if (json === undefined) return failed({ type: "bad_request", detail: `The ${what} is not JSON.` });
  const app = parseHeartbeatApp(json);
  return app.ok ? { ok: true, value: { json, app: app.value } } : invalid(app.field, app.detail);
}

/** The report in a heartbeat's JSON, with hints by their own names. `ownUrl`: where the heartbeat was sent to. */
export function readReport(json: unknown, ownUrl: string, settings: Settings): Result<Heartbeat> {
  const beat = parseHeartbeat(json);
  if (!beat.ok) return invalid(beat.field, beat.detail);
  const fault = originFault(beat.value.origin, beat.value.app, ownUrl, settings);
  if (fault !== null) return invalid("origin", fault);
  const { hints } = beat.value;
  if (hints === null || settings.HINT_ALIASES.size === 0) return { ok: true, value: beat.value };
  return { ok: true, value: { ...beat.value, hints: withoutAliases(hints, settings.HINT_ALIASES) } };
}

/** What the sender is told of the object's answer. */
export function replyTo(json: unknown, answer: HeartbeatAnswer): Result<HeartbeatReply> {
  switch (answer.kind) {
    case "accepted": {
      const warnings = [...heartbeatWarnings(json), ...replacedWarning(answer.replaced)];
      const times = { time_to_live_ms: answer.timeToLiveMs, next_heartbeat_ms: answer.nextHeartbeatMs };
      return { ok: true, value: { ...times, ...adviceOf(answer.advice), ...(warnings.length > 0 && { warnings }) } };
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

/** The text frame that answers a frame. A frame has no headers, so what `Retry-After` says is a member. */
export function frameOf(result: Result<HeartbeatReply>): string {
  return JSON.stringify(result.ok ? result.value : { ...problemBody(result.error), ...retryAfter(result.error) });
}

export const INTERNAL_ERROR = failed({ type: "internal_error" });

export function invalid(field: string, detail: string): Result<never> {
  return failed({ type: "invalid_heartbeat", field, detail: `${field} ${detail}.` });
}

function adviceOf(advice: Advice | null): Pick<HeartbeatReply, "load" | "evict"> {
  if (advice === null) return {};
  return { load: [advice.load], ...(advice.evict !== null && { evict: [advice.evict] }) };
}

function retryAfter(error: RouterError): object {
  return "retryAfterMs" in error ? { retry_after_ms: error.retryAfterMs } : {};
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
