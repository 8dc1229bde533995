// Runs a schedule for real and writes its history: the router under chaos on workerd, replicas and clients in this process. Whatever was
// started has ended when it returns or throws.
import { setTimeout as sleep } from "node:timers/promises";
import { bundle } from "../../scripts/bundle.ts";
import type { Running } from "../command.ts";
import { Fleet } from "../live/fleet.ts";
import { sendOpenLoop, type OpenLoop, type Sent } from "../live/load.ts";
import type { Beat } from "../live/member.ts";
import type { Run } from "../live/records.ts";
import type { LiveRouter } from "../live/router.ts";
import { seeded, seedFor } from "../simulate/random.ts";
import { FAULTS, type Fault, type Injected } from "./faults.ts";
import type { Schedule } from "./schedule.ts";
import { APPS, HINTS, HINT_SLOTS, LOAD_MS, SETTINGS, TIMES_MS, WIDE_SETTINGS } from "./settings.ts";
import { sendingOf, steadyTraffic, type ChaosSending } from "./traffic.ts";

/** The router under chaos has an entry of its own. */
const ENTRY = { name: "chaos", folder: "bench/chaos/worker" };
/** No request may take longer, whatever happens: attempts, waits and timeouts are all bounded. */
const PATIENCE_MS = 45_000;
const SAMPLE_MS = 500;
/** After the last fault: as long as it may take until the fleet is whole, and then until nothing may be held any more. */
const HEALING_MS = 20_000;
const EMPTY_WITHIN_MS = 5000;
/** Replicas that were passed over come back by being tried. */
const HEALING_REQUESTS_PER_SECOND = 40;
const COLD_EVERY = 10;

/** What the router said of an app at a moment: what it held, and the ids of the replicas that it knew. */
interface Sample {
  readonly atMs: number;
  readonly app: string;
  readonly inFlight: number;
  readonly listed: readonly string[];
}

/** Everything that is known of a run when it is over, as plain data. The checker reads nothing else. */
export type History = Awaited<ReturnType<typeof run>>;

export async function run(schedule: Schedule, { signal, progress }: Pick<Running, "signal" | "progress">) {
  const { seed, forMs, wide, replicas, faults, requests } = schedule;
  const known = {
    ...{ replicas, sent: [] as Sent<ChaosSending>[], runs: [] as Run[], beats: [] as Beat[] },
    ...{ injected: [] as Injected[], samples: [] as Sample[] },
    /** workerd's. */
    log: [] as { readonly atMs: number; readonly line: string }[],
  };
  await using fleet = await Fleet.start({
    ...{ name: "chaos", settings: wide ? WIDE_SETTINGS : SETTINGS, bundle: bundle(ENTRY), signal },
    ...{ heartbeatMs: TIMES_MS.heartbeatMs, seed: seedFor(seed, "heartbeats") },
    replicas: replicas.map((shape) => {
      return { ...shape, hintSlots: HINT_SLOTS, loadMs: LOAD_MS, onRun: (its) => known.runs.push(its) };
    }),
    log: (line) => known.log.push({ atMs: performance.now(), line }),
    onBeat: (beat) => known.beats.push(beat),
  });
  const loop: OpenLoop<ChaosSending> = {
    ...{ way: () => fleet.way(PATIENCE_MS), signal: fleet.signal },
    onSent: (sent) => known.sent.push(sent),
  };
  await fleet.whole();
  const startMs = performance.now();
  void fleet.sample(SAMPLE_MS, async () => {
    for (const app of APPS) known.samples.push(...(await sampleOf(fleet.router, app)));
    progress(`${known.sent.length} sent`, Math.min(1, (performance.now() - startMs) / forMs));
  });
  const injecting = faults.map(async (fault) => {
    const earlyMs = startMs + fault.atMs - performance.now();
    await sleep(Math.max(0, earlyMs), undefined, { signal: fleet.signal });
    await inject(fleet, fault, known.injected);
  });
  await Promise.all([sendOpenLoop(requests, loop), ...injecting]);
  const end = await heal(fleet, schedule, loop);
  fleet.signal.throwIfAborted();
  return { ...known, end };
}

/** Begins the fault, waits until it is over and ends it. */
async function inject(fleet: Fleet, fault: Fault, known: Injected[]): Promise<void> {
  const injected: Injected = { fault, beganMs: performance.now(), endedMs: null };
  known.push(injected);
  const { begin, crowd } = FAULTS[fault.kind];
  if (crowd !== null) {
    const member = fleet.member(fault.app, fault.replica);
    if (crowd.warm) member.replica.hold(fault.hint);
    else member.replica.hints = [];
    // The router is told before the fault begins.
    await member.beat();
  }
  const undo = await begin(fleet, fault);
  const leftMs = injected.beganMs + fault.forMs - performance.now();
  if (leftMs > 0) await sleep(leftMs, undefined, { signal: fleet.signal }).catch(() => {});
  await undo();
  injected.endedMs = performance.now();
}

/** After the last fault: waits until the fleet is whole again, asks for every hint twice, and waits until nothing is held any more. */
async function heal(fleet: Fleet, { seed, wide }: Schedule, loop: OpenLoop<ChaosSending>) {
  const quietMs = performance.now();
  const random = seeded(seedFor(seed, "healing"));
  const trickle = new AbortController();
  const requests = steadyTraffic(random, HEALING_REQUESTS_PER_SECOND, HEALING_MS).map(({ atMs, sending }, index) => {
    // A replica that nothing is warm on is tried again with a hint that nobody holds.
    const hint = wide && index % COLD_EVERY === 0 ? `h${index}` : undefined;
    return { atMs, sending: sendingOf(random, `h${index}`, "get", sending.asked.app, hint) };
  });
  const trickling = sendOpenLoop(requests, { ...loop, signal: AbortSignal.any([fleet.signal, trickle.signal]) });
  const missing = await fleet.whole(true);
  /** Null: the fleet was not whole in time. */
  const wholeMs = missing.length === 0 ? performance.now() : null;
  trickle.abort();
  await trickling;
  /** For each app and hint two requests, one after the other. */
  const touches: Sent<ChaosSending>[] = [];
  const onSent = (sent: Sent<ChaosSending>) => {
    loop.onSent?.(sent);
    touches.push(sent);
  };
  const wanted = APPS.flatMap((app) => HINTS.flatMap((hint) => [1, 2].map((touch) => ({ app, hint, touch }))));
  for (const { app, hint, touch } of wanted) {
    const sending = sendingOf(random, `f.${app}.${hint}.${touch}`, "get", app, hint);
    await sendOpenLoop([{ atMs: 0, sending }], { ...loop, onSent });
  }
  return { quietMs, wholeMs, missing, touches, held: await fleet.empty(EMPTY_WITHIN_MS), apps: await listedApps(fleet.router) };
}

async function sampleOf(router: LiveRouter, app: string): Promise<Sample[]> {
  const atMs = performance.now();
  const view = router.pid === null ? null : await router.view(app);
  return view === null ? [] : [{ atMs, app, inFlight: view.in_flight, listed: view.replicas.map(({ replica }) => replica) }];
}

async function listedApps(router: LiveRouter): Promise<string[]> {
  try {
    const { apps } = (await (await router.admin("/-/apps")).json()) as { apps: readonly { app: string }[] };
    return apps.map(({ app }) => app);
  } catch {
    return [];
  }
}
