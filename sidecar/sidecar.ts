// The sidecar at work: looks at its server again and again, and makes its replica say what was seen. The replica gets no request while the server is down: it is
// `starting` until the server is first up, and `draining` while it is down later.
import { joinFleet, type FleetMember, type FleetOptions } from "../replica/node/index.ts";
import type { Adapter, Look } from "./adapters/adapter.ts";
import { ServerFault } from "./fault.ts";
import { judged, UNSEEN, type Judgement } from "./judge.ts";
import { LIMITS } from "./limits.ts";
import { bounded, heldHints, nameOf, type Aliases, type Held } from "./names.ts";
import { Server } from "./server.ts";

export interface SidecarOptions {
  readonly adapter: Adapter;
  readonly serverUrl: string;
  readonly serverToken: string | null;
  /** Must answer 2xx, or the server counts as down; null: the adapter's look is enough. */
  readonly healthUrl: string | null;
  readonly pollMs: number;
  readonly timeoutMs: number;
  readonly drainMs: number;
  readonly aliases: Aliases;
  /** What the operator says; null: what the server says, or the adapter takes. */
  readonly hintSlots: number | null;
  readonly concurrency: number | null;
  readonly fleet: Omit<FleetOptions, "hints" | "hintSlots" | "concurrency" | "inFlight" | "onAdvice" | "status" | "log">;
}

export type Event =
  | { readonly event: "up" | "down"; readonly detail: string }
  | { readonly event: "holds"; readonly hints: readonly string[] | null; readonly concurrency: number }
  | { readonly event: "note"; readonly detail: string }
  | { readonly event: "draining" | "stopped" };

/** One look, with the health check, within its time. Throws a ServerFault. */
export async function lookOnce(options: SidecarOptions, signal: AbortSignal): Promise<Look> {
  return asking(options, signal, async (server) => {
    if (options.healthUrl !== null) {
      const { status } = await server.ask(options.healthUrl);
      if (status < 200 || status > 299)
        throw new ServerFault(status === 503 ? "loading" : "down", `--health-url answered ${status}`);
    }
    return options.adapter.look(server);
  });
}

function asking<T>(options: SidecarOptions, signal: AbortSignal, ask: (server: Server) => Promise<T>): Promise<T> {
  const time = AbortSignal.any([signal, AbortSignal.timeout(options.timeoutMs)]);
  return ask(new Server(options.serverUrl, options.serverToken, time));
}

export function heldBy(options: SidecarOptions, look: Look): Held & { readonly concurrency: number } {
  const { adapter, aliases, hintSlots, concurrency } = options;
  const held = heldHints(look, adapter.isGuess === true, aliases, hintSlots);
  const atOnce = concurrency ?? look.concurrency ?? adapter.concurrency;
  return { ...held, concurrency: bounded(atOnce, LIMITS.concurrencyMost) };
}

/** Runs until `end` is aborted, then drains and says `stopped`; `abandon` ends the drain. Gives whether the router has heard the end. */
export async function runSidecar(
  options: SidecarOptions,
  end: AbortSignal,
  abandon: AbortSignal,
  tell: (event: Event) => void,
): Promise<boolean> {
  const tellState = teller(options, tell);
  let judgement = UNSEEN;
  let now = heldBy(options, { models: [], slots: null, concurrency: null });
  const member = joinFleet({
    ...options.fleet,
    status: "starting",
    hints: () => now.hints,
    hintSlots: () => now.hintSlots,
    concurrency: () => now.concurrency,
    // What a server counts is not what the router sent: a request on its way there is not in it.
    inFlight: null,
    onAdvice: preloading(options, end),
    log: (detail) => tell({ event: "note", detail }),
  });
  while (!end.aborted) {
    const seen = await looked(options, end);
    if (end.aborted) break;
    const next = judged(judgement, seen.fault?.kind ?? null);
    const held =
      seen.look === null ? (next.wasGone ? { ...now, hints: now.hints === null ? null : [] } : now) : heldBy(options, seen.look);
    const isNew = JSON.stringify(held) !== JSON.stringify(now);
    now = held;
    if (isNew) tell({ event: "holds", hints: now.hints, concurrency: now.concurrency });
    tellState(next.state, seen.fault);
    follow(member, judgement, next);
    if (isNew) member.changed();
    judgement = next;
    await pause(options.pollMs, end);
  }
  tell({ event: "draining" });
  const drained = member.drain({ withinMs: options.drainMs, isIdle: idleFor(options, abandon) });
  await Promise.race([drained, aborted(abandon)]);
  const isHeard = await member.stop();
  tell({ event: "stopped" });
  return isHeard;
}

/** Follows the router's advice, if the server can be told to load a model. It evicts by itself. */
function preloading({ adapter, aliases, serverUrl, serverToken }: SidecarOptions, end: AbortSignal): FleetOptions["onAdvice"] {
  if (adapter.preload === undefined) return undefined;
  return async ({ load }) => {
    const server = new Server(serverUrl, serverToken, AbortSignal.any([end, AbortSignal.timeout(LIMITS.preloadMs)]));
    try {
      for (const hint of load) await adapter.preload?.(server, nameOf(hint, aliases));
    } catch (error) {
      if (!end.aborted) throw error;
    }
  };
}

interface Seen {
  readonly look: Look | null;
  readonly fault: ServerFault | null;
}

/** Whatever goes wrong in a look is a fault of the server. */
async function looked(options: SidecarOptions, signal: AbortSignal): Promise<Seen> {
  try {
    return { look: await lookOnce(options, signal), fault: null };
  } catch (error) {
    if (error instanceof ServerFault) return { look: null, fault: error };
    return { look: null, fault: new ServerFault("garbage", error instanceof Error ? error.message : String(error)) };
  }
}

/** Makes the replica's status follow the server's state. */
function follow(member: FleetMember, before: Judgement, next: Judgement): void {
  if (next.state === before.state) return;
  if (next.state === "up") {
    if (before.wasGone) member.restarted();
    member.ready();
  } else if (next.state === "down") void member.drain({ withinMs: 0 });
}

/** Says when the server goes up or down, and when it is down for another reason than before. */
function teller(
  options: SidecarOptions,
  tell: (event: Event) => void,
): (state: Judgement["state"], fault: ServerFault | null) => void {
  let told = "";
  return (state, fault) => {
    const its = state === "up" ? "up" : (fault?.kind ?? told);
    if (its === told) return;
    told = its;
    tell({ event: state === "up" ? "up" : "down", detail: fault?.message ?? options.adapter.title });
  };
}

/** Whether the server has had nothing to do for a while: if it says so, or because it is gone. One that does not say is never idle. */
function idleFor(options: SidecarOptions, signal: AbortSignal): () => Promise<boolean> {
  let sinceMs: number | null = null;
  let nextMs = 0;
  return async () => {
    if (performance.now() < nextMs) return false;
    nextMs = performance.now() + Math.min(options.pollMs, LIMITS.idleMs) / 2;
    if (!(await isIdleNow(options, signal))) sinceMs = null;
    else sinceMs ??= performance.now();
    return sinceMs !== null && performance.now() - sinceMs >= LIMITS.idleMs;
  };
}

async function isIdleNow(options: SidecarOptions, signal: AbortSignal): Promise<boolean> {
  try {
    const load = await asking(options, signal, (server) => options.adapter.load(server));
    if (load === null) await lookOnce(options, signal);
    return load === 0;
  } catch (error) {
    return error instanceof ServerFault && error.kind === "down";
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    if (signal.aborted) done();
    else signal.addEventListener("abort", done);
  });
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
