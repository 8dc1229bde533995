// One case, measured: all workers at once beside one origin, and load on one after another, round by round.
import { setTimeout as sleep } from "node:timers/promises";
import { mkdirSync } from "node:fs";
import path from "node:path";
import type { RouterProcess } from "../../scripts/router-process.ts";
import type { Running } from "../command.ts";
import { cpuMs, peakMib } from "../live/machine.ts";
import { APP, beatOf, CASES, HINT, TOKEN, type Case, type CaseName } from "./cases.ts";
import { figuresOf, rounded, type Figures, type Sample } from "./figures.ts";
import type { LoadGenerator } from "./load.ts";
import type { Origin } from "./origin.ts";
import { FLOOR, ROUTER, type Kind } from "./workers.ts";

export interface Options extends Pick<Running, "signal"> {
  readonly rounds: number;
  readonly seconds: number;
  readonly settings: Readonly<Record<string, string>>;
  readonly kinds: readonly Kind[];
  readonly origin: Origin;
  readonly run: LoadGenerator;
  /** For temporary files. */
  readonly folder: string;
  /** Hears what is being measured. */
  readonly tell: (doing: string) => void;
}

export interface Row extends Figures {
  readonly case: CaseName;
  readonly worker: string;
  readonly peak_mb: number | null;
}

/** A replica that beats once lives for the whole run, and no heartbeat is refused for coming too soon. */
export const SETTINGS = {
  ...{ HEARTBEAT_TOKENS: TOKEN, ALLOW_PRIVATE_ORIGINS: "true" },
  ...{ HEARTBEAT_INTERVAL_MS: "3600000", HEARTBEAT_RATE_MAX: "100000" },
};
/** Lets what the last load left behind end. */
const SETTLE_MS = 100;
const MEGABYTES_PER_MIB = 1.048576;

export async function measure(name: CaseName, options: Options): Promise<readonly Row[]> {
  const { kinds, rounds, signal, tell } = options;
  const its: Case = CASES[name];
  await using started = new AsyncDisposableStack();
  const folder = path.join(options.folder, name);
  mkdirSync(folder);
  const workers = new Map<Kind, RouterProcess>();
  for (const kind of kinds) {
    const worker = await kind.start(folder, { origin: options.origin.url, settings: { ...SETTINGS, ...options.settings } });
    started.defer(() => worker.stop());
    workers.set(kind, worker);
    if (!kind.isFloor && its.target !== null) await register(kind.name, worker.url, options.origin.url);
  }
  const samples = new Map<string, Sample[]>(kinds.map(({ name }) => [name, []]));
  for (let round = 0; round <= rounds; round++) {
    for (const [kind, worker] of workers) {
      signal.throwIfAborted();
      tell(`${name}, ${round === 0 ? "warm-up" : `round ${round} of ${rounds}`}, ${kind.name}`);
      await sleep(SETTLE_MS);
      const sample = await sampleOf(its, kind, worker, options);
      if (round > 0) samples.get(kind.name)?.push(sample);
    }
  }
  const of = (worker: string) => samples.get(worker) ?? [];
  return [...workers].map(([kind, { pid }]) => {
    const peak = peakMib(pid);
    const peak_mb = peak === null ? null : rounded(peak * MEGABYTES_PER_MIB);
    return { case: name, worker: kind.name, ...figuresOf(of(kind.name), of(FLOOR), of(ROUTER)), peak_mb };
  });
}

async function sampleOf(its: Case, { isFloor }: Kind, { url, pid }: RouterProcess, options: Options): Promise<Sample> {
  const target = its.target === null ? "/-/heartbeat" : (isFloor ? "" : `/${APP}`) + its.target;
  const before = cpuMs(pid);
  const load = { ...its.load, url: url + target, seconds: options.seconds };
  const { requests, tookS, p50Ms, p99Ms, failed } = await options.run(load, options.folder, options.signal);
  const after = cpuMs(pid);
  if (requests === 0) throw new Error(`no request to ${target} was answered`);
  const cpuUs = before === null || after === null ? null : ((after - before) * 1000) / requests;
  return { cpuUs, perSecond: requests / tookS, p50Ms, p99Ms, failed };
}

/** One heartbeat, and a request that shows that its hint is warm. */
async function register(name: string, url: string, origin: string): Promise<void> {
  const headers = { authorization: `Bearer ${TOKEN}` };
  const beat = await fetch(`${url}/-/heartbeat`, { method: "POST", headers, body: beatOf(origin) });
  if (!beat.ok) throw new Error(`${name} refused a heartbeat with ${beat.status}: ${await beat.text()}`);
  const response = await fetch(`${url}/${APP}/run`, { headers: { "x-fal-runner-hint": HINT } });
  const said = await response.text();
  const reason = response.headers.get("x-warmpath-reason");
  if (reason !== "hint_match") throw new Error(`${name} did not route to the warm replica: ${response.status} ${reason} ${said}`);
}
