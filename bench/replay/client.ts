// The clients: each request goes out at its time whatever became of the others, and what came back is kept.
import { setTimeout as sleep } from "node:timers/promises";
import type { Request, Workload } from "../simulate/workload.ts";
import { keptConnections, post, type Reply } from "../live/exchange.ts";
import { FOUND_HEADER, HELD_HEADER, type Asked, type Found } from "./replica.ts";

/** What became of a request. Times are real, not the workload's. */
export interface Answer {
  /** From when it was due, not from when it was sent, to the end of the answer. */
  readonly inSystemMs: number;
  /** Null: a replica served it. Else what went wrong, such as `504 request_timeout`. */
  readonly error: string | null;
  readonly replica: string;
  readonly reason: string;
  readonly found: Found;
  /** In the router's queue, by its own clock. */
  readonly queuedMs: number;
  /** By the replica's. */
  readonly heldMs: number;
}

export interface Sending {
  readonly appUrl: string;
  /** They say what a request costs. */
  readonly costs: boolean;
  /** The end of everything: what is still open then counts as not answered. */
  readonly signal: AbortSignal;
  /** Hears how many have been answered. */
  readonly progress: (answered: number) => void;
}

/** In the workload's order. */
export async function sendAll(workload: Workload, { appUrl, costs, signal, progress }: Sending): Promise<readonly Answer[]> {
  const agent = keptConnections();
  const startMs = performance.now();
  const open: Promise<Answer>[] = [];
  let answered = 0;
  for (const request of workload) {
    const dueMs = startMs + request.atMs;
    const earlyMs = dueMs - performance.now();
    if (earlyMs > 0) await sleep(earlyMs, undefined, { signal }).catch(() => {});
    const answer = ask(request, dueMs);
    void answer.then(() => progress(++answered));
    open.push(answer);
  }
  const answers = await Promise.all(open);
  agent.destroy();
  return answers;

  async function ask({ hint, serviceMs }: Request, dueMs: number): Promise<Answer> {
    const cost = costs ? { "x-warmpath-cost": (serviceMs / 1000).toFixed(6) } : {};
    const headers = { "x-fal-runner-hint": hint, ...cost };
    const body: Asked = { hint, serviceMs };
    try {
      const reply = await post(appUrl, { agent, headers, body, signal });
      return answerOf(reply, performance.now() - dueMs);
    } catch (error) {
      return lost(signal.aborted ? "not answered in time" : codeOf(error), performance.now() - dueMs);
    }
  }
}

function answerOf({ status, headers, body }: Reply, inSystemMs: number): Answer {
  const text = (name: string) => String(headers[name] ?? "");
  const found = text(FOUND_HEADER);
  if (status !== 200 || (found !== "warm" && found !== "load" && found !== "joined")) {
    return lost(`${status} ${typeOf(body)}`.trim(), inSystemMs);
  }
  return {
    inSystemMs,
    error: null,
    replica: text("x-fal-served-from"),
    reason: text("x-warmpath-reason"),
    found,
    queuedMs: Number(/queue;dur=([\d.]+)/.exec(text("server-timing"))?.[1] ?? NaN),
    heldMs: Number(text(HELD_HEADER)),
  };
}

function lost(error: string, inSystemMs: number): Answer {
  return { inSystemMs, error, replica: "", reason: "", found: "warm", queuedMs: inSystemMs, heldMs: 0 };
}

/** The router's word for what went wrong, which is in the body of its errors. */
function typeOf(body: string): string {
  return /"error_type":\s*"([^"]+)"/.exec(body)?.[1] ?? "";
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return "code" in error ? String(error.code) : error.message;
}
