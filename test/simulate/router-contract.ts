// What every simulated router has to do, whatever it prefers: bring each request to one end, under every fault, within reasonable time,
// and the same way for the same seed.
import { describe, expect, test } from "vitest";
import { seeded } from "../../bench/simulate/random.ts";
import type { MakeRouter } from "../../bench/simulate/router.ts";
import type { Workload } from "../../bench/simulate/workload.ts";
import type { Run } from "../../bench/simulate/outcome.ts";
import { NO_FAULTS } from "../../bench/simulate/faults.ts";
import { simulate, type WorldOptions } from "../../bench/simulate/world.ts";
import { recorded, type Recording } from "./recorded.ts";

const SEED = 20_261_125;
const REPLICAS = 4;
const REQUESTS = 600;
const SERVICE_MS = 1000;
const LOAD_MS = 300;
/** Of the fleet's capacity, loads not counted. Low enough for a plain hash, whose owners are not equally busy. */
const LOAD = 0.35;
/** So many that no replica holds all that it owns, equally popular, so that a plain hash is stable. */
const HINTS = 40;
const SLOTS = 8;
/** A start later than this is starvation: some sixty times the mean service. */
const WAIT_MAX_MS = 60_000;
/** After the last arrival all has to be over in this time, even if every replica just died. */
const DRAIN_MS = 600_000;
/** And so often as long where a replica stalls, as routers that bind at once leave a queue there. */
const STALLED_DRAINS = 1000;

const FAULTY: { readonly [name: string]: Partial<WorldOptions> } = {
  "with replicas that die and join": { faults: { ...NO_FAULTS, churnMs: 120_000 } },
  "with replicas that do not say how much they hold": { faults: { ...NO_FAULTS, noHintSlots: true } },
  "with replicas that do not say in answers what they hold": { faults: { ...NO_FAULTS, noInBand: true } },
  "with reports that are late and leave things out": { faults: { ...NO_FAULTS, lateMs: 5000, dropped: 0.3 } },
  "with answers that fail now and then": { faults: { ...NO_FAULTS, errorShare: 0.1 } },
  "with a replica that can't load a hint": { faults: { ...NO_FAULTS, failingHint: true } },
  "with a replica that fails fast": { faults: { ...NO_FAULTS, failsFast: true } },
  "with a replica that stalls": { faults: { ...NO_FAULTS, stalls: true } },
  "with all of that at once": {
    concurrency: 3,
    faults: { ...NO_FAULTS, noHintSlots: true, noInBand: true, lateMs: 5000, dropped: 0.3, churnMs: 120_000 },
  },
  "with one hint slot a replica": { slots: 1 },
  "with less room than requests at once": { slots: 2, concurrency: 4 },
};

export interface Contract {
  /** It never sends a replica more than its concurrency. */
  readonly bindsLate: boolean;
}

export function routerContract(name: string, make: MakeRouter, { bindsLate }: Contract): void {
  describe(`${name} (seed ${SEED})`, () => {
    test.each([1, 4])("ends and starts every request in time at concurrency %i", (concurrency) => {
      const { run, recording } = play(make, { concurrency });
      expectSound(run, recording, bindsLate);
      expect(run.outcomes.every(({ served }) => served)).toBe(true);
      expect(Math.max(...run.outcomes.map(({ waitedMs }) => waitedMs))).toBeLessThan(WAIT_MAX_MS);
    });

    test.each(Object.entries(FAULTY))("ends every request %s", (_case, options) => {
      const { run, recording } = play(make, options);
      expectSound(run, recording, bindsLate);
    });

    test("runs the same again with the same seed", () => {
      const options = { faults: { ...NO_FAULTS, churnMs: 120_000 } };
      expect(play(make, options).run).toEqual(play(make, options).run);
    });
  });
}

function play(make: MakeRouter, options: Partial<WorldOptions>): { run: Run; recording: Recording } {
  const concurrency = options.concurrency ?? 1;
  const workload = uniform(concurrency);
  const router = recorded(make, (workload.at(-1)?.atMs ?? 0) + DRAIN_MS * (options.faults?.stalls === true ? STALLED_DRAINS : 1));
  const run = simulate(workload, router.make, {
    replicas: REPLICAS,
    slots: SLOTS,
    concurrency,
    loadMs: () => LOAD_MS,
    heartbeatMs: 1000,
    timeToLiveMs: 3000,
    faults: NO_FAULTS,
    costs: false,
    random: seeded(SEED + 1),
    faultRandom: seeded(SEED + 2),
    ...options,
  });
  return { run, recording: router.recording };
}

function expectSound(run: Run, recording: Recording, bindsLate: boolean): void {
  expect(run.outcomes).toHaveLength(REQUESTS);
  expect([...recording.endings]).toEqual(run.outcomes.map(() => 1));
  if (bindsLate) expect(recording.mostOverConcurrency).toBeLessThanOrEqual(0);
}

/** Poisson arrivals, exponential service times, hints drawn evenly. */
function uniform(concurrency: number): Workload {
  const random = seeded(SEED);
  const exponential = (meanMs: number) => -meanMs * Math.log(1 - random());
  const gapMs = SERVICE_MS / (LOAD * REPLICAS * concurrency);
  let atMs = 0;
  return Array.from({ length: REQUESTS }, () => {
    atMs += exponential(gapMs);
    return { atMs, hint: `model-${Math.floor(random() * HINTS)}`, serviceMs: exponential(SERVICE_MS) };
  });
}
