// Tells the router at regular intervals that this replica lives, where it is reached and what it holds. A heartbeat that fails is
// a line in the log and a later try, never more: a router that is away must not take its replicas with it.
import { setTimeout as sleep } from "node:timers/promises";

/** Until the router's first answer names the interval. */
const FIRST_INTERVAL_MS = 5000;
/** An interval outside these bounds is not believed. */
const INTERVAL_MIN_MS = 10;
const INTERVAL_MAX_MS = 300_000;
/** The longest pause between tries; a replica is listed again at most this long after its router is back. */
const BACKOFF_MAX_MS = 30_000;
const ANSWER_TIMEOUT_MS = 5000;
/** A replica that stops does not wait longer than this to say so: its time to live would end without it, too. */
const GOODBYE_TIMEOUT_MS = 2000;

export interface HeartbeatOptions {
  readonly routerUrl: string;
  readonly token: string;
  readonly app: string;
  readonly replica: string;
  /** `scheme://host[:port]` at which the router reaches this replica. */
  readonly origin: string;
  /** Requests this replica takes at once. */
  readonly concurrency: number;
  /** Models it can hold at once. */
  readonly hintSlots: number;
  /** What it holds now. The page's `provide_hints()`. */
  readonly provideHints: () => readonly string[];
  readonly inFlight: () => number;
  readonly log: (line: string) => void;
}

export interface Heartbeats {
  /** Says that the replica stops; the router sends nothing new from then on. Never fails. */
  stop(): Promise<void>;
}

type Result =
  | { readonly ok: true; readonly intervalMs: number; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly problem: string };

export function startHeartbeats(options: HeartbeatOptions): Heartbeats {
  // A restarted process has a higher incarnation, so that late heartbeats of the dead one are refused.
  const incarnation = Date.now();
  const stopping = new AbortController();
  let sequence = 0;
  let warned = "";
  const beat = (status: "ready" | "stopped", signal: AbortSignal) =>
    send(options, { ...reportOf(options), incarnation, sequence: ++sequence, status }, signal);

  const loop = async () => {
    let intervalMs = FIRST_INTERVAL_MS;
    let failures = 0;
    while (!stopping.signal.aborted) {
      const result = await beat("ready", AbortSignal.any([stopping.signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]));
      if (stopping.signal.aborted) return;
      failures = result.ok ? 0 : failures + 1;
      if (result.ok) {
        ({ intervalMs } = result);
        const warnings = result.warnings.join("; ");
        if (warnings !== warned) options.log(`the router warns: ${warnings || "no more"}`);
        warned = warnings;
      }
      const pauseMs = failures === 0 ? intervalMs : backoffMs(intervalMs, failures);
      if (!result.ok) options.log(`heartbeat failed: ${result.problem}; the next in ${(pauseMs / 1000).toFixed(1)} s`);
      await sleep(pauseMs, undefined, { signal: stopping.signal }).catch(() => {});
    }
  };
  const looping = loop();

  return {
    async stop() {
      stopping.abort();
      await looping;
      const result = await beat("stopped", AbortSignal.timeout(GOODBYE_TIMEOUT_MS));
      if (!result.ok) options.log(`the router was not told of the end: ${result.problem}`);
    },
  };
}

/** Everything but the numbers that order reports. The whole of it each time: whichever arrives last is the truth. */
function reportOf({ app, replica, origin, concurrency, hintSlots, provideHints, inFlight }: HeartbeatOptions) {
  return { app, replica, origin, concurrency, hint_slots: hintSlots, hints: provideHints(), in_flight: inFlight() };
}

/** One interval after the first failure, twice as long after each other, and spread a little: replicas must not return as one. */
function backoffMs(intervalMs: number, failures: number): number {
  const doubledMs = intervalMs * 2 ** Math.min(failures - 1, 16);
  return Math.max(intervalMs, Math.min(doubledMs, BACKOFF_MAX_MS)) * (0.9 + 0.2 * Math.random());
}

async function send({ routerUrl, token }: HeartbeatOptions, report: object, signal: AbortSignal): Promise<Result> {
  try {
    const response = await fetch(new URL("/-/heartbeat", routerUrl), {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify(report),
      signal,
    });
    const answer = (await response.json()) as {
      next_heartbeat_ms?: unknown;
      warnings?: unknown;
      detail?: unknown;
      known?: unknown;
    };
    if (response.ok) {
      const warnings = Array.isArray(answer.warnings) ? answer.warnings.map(String) : [];
      return { ok: true, intervalMs: intervalOf(answer.next_heartbeat_ms), warnings };
    }
    if (response.status === 409) {
      const known = JSON.stringify(answer.known);
      const why = "does another process use this replica's id, or was it deleted at the router?";
      return { ok: false, problem: `stale_heartbeat, the router knows ${known}: ${why}` };
    }
    return { ok: false, problem: `${response.status} ${String(answer.detail)}` };
  } catch (error) {
    return { ok: false, problem: describe(error) };
  }
}

function intervalOf(answered: unknown): number {
  const intervalMs = typeof answered === "number" && Number.isFinite(answered) ? answered : FIRST_INTERVAL_MS;
  return Math.min(Math.max(intervalMs, INTERVAL_MIN_MS), INTERVAL_MAX_MS);
}

/** `fetch` hides the reason, such as ECONNREFUSED, in the cause. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
