// How many requests a second one Fleet object takes. Replicas serve for 2 s and hold other hints after each answer. Requests arrive at rising rates
// whatever became of those before. An object that takes no more is seen by its fallbacks: the edge gives up asking it and routes by its snapshot.
import { mkdirSync } from "node:fs";
import path from "node:path";
import { cpuMs } from "../live/machine.ts";
import { APP, TOKEN } from "./cases.ts";
import { startChild } from "./child.ts";
import { rounded } from "./figures.ts";
import { SETTINGS, type Options } from "./paired.ts";
import type { Kind } from "./workers.ts";

export const RATES: readonly number[] = [100, 200, 400, 700, 1000];

/** 4,000 slots, which serve 2,000 requests a second. */
const FLEET = { replicas: 250, concurrency: 16, hintSlots: 16, hints: 2000, serviceMs: 2000 } as const;
const BEATS_AT_ONCE = 10;
const IN_TIME_MS = 1000;

export interface Replicas {
  readonly replicas: number;
  readonly hintSlots: number;
  readonly hints: number;
  readonly serviceMs: number;
}

/** Where a replica listens, and what it holds at first. */
export interface Listening {
  readonly port: number;
  readonly hints: readonly string[];
}

export interface Arrivals {
  readonly url: string;
  readonly rate: number;
  readonly seconds: number;
  readonly hints: number;
  readonly seed: number;
}

/** What the client saw. Added: beyond what the replica took, by the replica's own clock. */
export interface Seen {
  readonly sent: number;
  readonly answered: number;
  readonly fallbacks: number;
  readonly failed: number;
  /** Reasons of successes, statuses of other answers. */
  readonly outcomes: Readonly<Record<string, number>>;
  readonly added_p50_ms: number | null;
  readonly added_p99_ms: number | null;
  /** Of what was added, the wait for a slot, as the router says. */
  readonly queued_p99_ms: number | null;
  /** How late the client itself was. If this is much, the machine is too small for the rate. */
  readonly late_p99_ms: number | null;
}

export interface Step extends Omit<Seen, "sent"> {
  readonly worker: string;
  readonly rate: number;
  readonly fallback_percent: number;
  readonly cpu_us: number | null;
  /** Of one core, while requests arrive. */
  readonly cpu_percent: number | null;
}

/** Rate by rate, at each all routers one after another. The first rate is also the warm-up. */
export async function measureRate(options: Options & { readonly rates: readonly number[] }): Promise<readonly Step[]> {
  const { kinds, rates, signal, tell } = options;
  await using started = new AsyncDisposableStack();
  const folder = path.join(options.folder, "rate");
  mkdirSync(folder);
  const routers: { readonly name: string; readonly url: string; readonly pid: number }[] = [];
  for (const kind of kinds.filter(({ isFloor }) => !isFloor)) {
    const { url, pid } = await startFleet(kind, folder, options, started);
    routers.push({ name: kind.name, url, pid });
  }
  const steps: Step[] = [];
  for (const [index, rate] of [rates[0] ?? 0, ...rates].entries()) {
    for (const { name, url, pid } of routers) {
      signal.throwIfAborted();
      tell(`rate, ${index === 0 ? "warm-up" : rate}, ${name}`);
      const arrivals: Arrivals = {
        url: `${url}/${APP}/run`,
        rate,
        seconds: options.seconds,
        hints: FLEET.hints,
        seed: index + 1,
      };
      const before = cpuMs(pid);
      await using client = await startChild<Seen>("arrivals", arrivals, signal);
      const after = cpuMs(pid);
      const usedMs = after === null || before === null ? null : after - before;
      const { sent, ...seen } = client.answer;
      if (index === 0) continue;
      steps.push({
        ...{ worker: name, rate, ...seen, fallback_percent: rounded((100 * seen.fallbacks) / Math.max(1, seen.answered)) },
        cpu_us: usedMs === null ? null : rounded((usedMs * 1000) / sent),
        cpu_percent: usedMs === null ? null : rounded(usedMs / (10 * options.seconds)),
      });
    }
  }
  return steps;
}

const noFallback = ({ fallbacks, failed }: Step) => fallbacks === 0 && failed === 0;
const inTime = (step: Step) => noFallback(step) && (step.added_p99_ms ?? Infinity) <= IN_TIME_MS;

export interface Highest {
  /** The highest rate up to which no request fell back or failed; null: there was none. */
  readonly without_fallbacks: number | null;
  /** That up to which 99 % of the requests took at most a second more than the replica did, as well. */
  readonly in_time: number | null;
}

export function highestOf(steps: readonly Step[]): Readonly<Record<string, Highest>> {
  const of = (worker: string, isFine: (step: Step) => boolean) => {
    const its = steps.filter((step) => step.worker === worker);
    const first = its.findIndex((step) => !isFine(step));
    return (first === -1 ? its : its.slice(0, first)).at(-1)?.rate ?? null;
  };
  const workers = [...new Set(steps.map(({ worker }) => worker))];
  return Object.fromEntries(
    workers.map((worker) => [worker, { without_fallbacks: of(worker, noFallback), in_time: of(worker, inTime) }]),
  );
}

/** A router with a fleet of its own, whose replicas are another process. */
async function startFleet(kind: Kind, folder: string, { settings, signal }: Options, started: AsyncDisposableStack) {
  const { replicas, hintSlots, hints, serviceMs, concurrency } = FLEET;
  const input: Replicas = { replicas, hintSlots, hints, serviceMs };
  const { answer } = started.use(await startChild<readonly Listening[]>("replicas", input, signal));
  const router = await kind.start(folder, { origin: "", settings: { ...SETTINGS, ...settings } });
  started.defer(() => router.stop());
  const beat = async ({ port, hints }: Listening, index: number) => {
    const said = {
      app: APP,
      replica: `r${index}`,
      origin: `http://127.0.0.1:${port}`,
      hints,
      hint_slots: hintSlots,
      concurrency,
    };
    const headers = { authorization: `Bearer ${TOKEN}` };
    const response = await fetch(`${router.url}/-/heartbeat`, { method: "POST", headers, body: JSON.stringify(said) });
    if (!response.ok) throw new Error(`${kind.name} refused a heartbeat with ${response.status}: ${await response.text()}`);
  };
  for (let first = 0; first < answer.length; first += BEATS_AT_ONCE) {
    const some = answer.slice(first, first + BEATS_AT_ONCE);
    await Promise.all(some.map((its, index) => beat(its, first + index)));
  }
  return router;
}
