// `node bench/direct/main.ts`: how large a snapshot of a fleet is, how long the object takes to make it and an isolate to take it over, and how long a
// decision by it takes.
import { mean, quantileSorted } from "simple-statistics";
import { SnapshotEncoder } from "../../src/routing/direct/codec.ts";
import { FleetCopy } from "../../src/routing/direct/copy.ts";
import { decideDirect } from "../../src/routing/direct/decide.ts";
import { FleetImage } from "../../src/routing/direct/snapshot.ts";
import type { Fleet } from "../../src/routing/ledger/fleet.ts";
import { applyHeartbeat } from "../../src/routing/ledger/membership.ts";
import { releaseSlot, takeSlot } from "../../src/routing/ledger/slots.ts";
import { learnHeld } from "../../src/routing/model/model.ts";
import { costPolicy } from "../../src/routing/policy/cost.ts";
import { createScheduler } from "../../src/routing/scheduler.ts";
import { LIMITS } from "../../src/routing/limits.ts";
import { main, number, program, SEED } from "../command.ts";
import { table } from "../report.ts";
import { seeded } from "../simulate/random.ts";

export interface DirectSize {
  readonly replicas: number;
  readonly hintsPerReplica: number;
  readonly rounds: number;
  readonly seed: number;
}

const SERVICE_MS = 1000;
const WARM_UP_ROUNDS = 50;
const TIME_TO_LIVE_MS = 150_000;

/** One line a case: bytes sent, and microseconds: mean, median, 99th percentile. */
export function directTimes({ replicas, hintsPerReplica, rounds, seed }: DirectSize) {
  const random = seeded(seed);
  const { fleet, model } = createScheduler(costPolicy());
  // As many names as replicas: each hint is on some three of them, or as many as each holds.
  const hint = () => `https://models.example.com/lora/${Math.floor(random() * replicas)}/weights.safetensors`;
  const beat = (index: number) => hears(fleet, index, [...new Set(Array.from({ length: hintsPerReplica }, hint))]);
  for (let index = 0; index < replicas; index++) beat(index);
  let now = 0;
  learnHeld(model, { replica: fleet.replicas.get("replica-0")!, hint: null, warmth: "none", declaredMs: null }, SERVICE_MS);
  const image = new FleetImage(1_800_000_000_000_000);
  image.refresh({ fleet, model }, now);
  const copy = new FleetCopy();
  copy.apply(new SnapshotEncoder().encode(image, null), now);
  const encoder = new SnapshotEncoder();
  const compared = () => image.refresh({ fleet, model }, (now += LIMITS.imageAgeMs));
  const delta = () => encoder.encode(image, copy.known);
  let bytes = new Uint8Array();
  const someLoads = () => {
    for (let index = 0; index < replicas; index += 2) takeOrGive(fleet, index, random() < 0.5);
    compared();
  };
  const oneChange = () => {
    beat(Math.floor(random() * replicas));
    compared();
  };
  const taken = () => copy.apply(bytes, now);
  const cases: Readonly<Record<string, { before?: () => void; run: () => unknown; after?: () => void }>> = {
    "object: compare all rows": { run: compared },
    "object: encode all": { before: compared, run: () => (bytes = new SnapshotEncoder().encode(image, null)) },
    "isolate: take over all": { run: () => new FleetCopy().apply(bytes, now) },
    "object: encode one change": { before: oneChange, run: () => (bytes = delta()), after: taken },
    "isolate: take over one change": { before: () => (oneChange(), (bytes = delta())), run: taken },
    "object: encode half of the loads": { before: someLoads, run: () => (bytes = delta()), after: taken },
    "isolate: take over half of the loads": { before: () => (someLoads(), (bytes = delta())), run: taken },
    "object: encode no change": { run: () => (bytes = delta()) },
    "isolate: decide, one hint": { run: () => decideDirect(copy, [hint()], () => true, now, random) },
    "isolate: decide, no hint": { run: () => decideDirect(copy, [], () => true, now, random) },
  };
  return Object.entries(cases).map(([name, { before, run, after }]) => {
    const times: number[] = [];
    for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
      before?.();
      const start = performance.now();
      run();
      const tookUs = (performance.now() - start) * 1000;
      after?.();
      if (round >= 0) times.push(tookUs);
    }
    times.sort((a, b) => a - b);
    const sent = name.includes("encode") ? bytes.length : null;
    return {
      case: name,
      bytes: sent,
      mean_us: us(mean(times)),
      p50_us: us(quantileSorted(times, 0.5)),
      p99_us: us(quantileSorted(times, 0.99)),
    };
  });
}

function us(value: number): number {
  return Math.round(value * 10) / 10;
}

function hears(fleet: Fleet, index: number, hints: readonly string[]): void {
  const its = { app: "bench", replica: `replica-${index}`, origin: `https://replica-${index}.example.com` };
  const said = { hints, hintSlots: 2 * hints.length, concurrency: 16, inFlight: null, status: "ready", sequence: null } as const;
  applyHeartbeat(fleet, { ...its, ...said, incarnation: 1_700_000_000_000 + index }, TIME_TO_LIVE_MS, 0);
}

function takeOrGive(fleet: Fleet, index: number, takes: boolean): void {
  const replica = fleet.replicas.get(`replica-${index}`);
  const [held] = replica?.grants.values() ?? [];
  if (replica === undefined) return;
  if (held !== undefined && !takes) releaseSlot(fleet, held);
  else if (fleet.free.has(replica)) takeSlot(fleet, nextId++, { replica, hint: null, warm: true }, 0);
}

let nextId = 1;

if (import.meta.main) {
  const command = program("direct", "Times snapshots of a fleet and decisions by them, in microseconds.")
    .option("--replicas <number>", "replicas", number(1, LIMITS.replicasPerApp, "integer"), 1000)
    .option("--hints-per-replica <number>", "hints that each holds", number(1, 20, "integer"), 3)
    .option("--rounds <number>", "how often each is timed", number(1, 100_000, "integer"), 1000)
    .option("--seed <number>", "of everything drawn", SEED, 1)
    .option("--json", "one JSON object a line for each case", false);
  await main(command, async ({ json, ...size }, { print }) => {
    const timed = directTimes(size);
    const rows = timed.map((its) => [its.case, its.bytes ?? "", its.mean_us, its.p50_us, its.p99_us]);
    print(json ? timed.map((its) => JSON.stringify(its)).join("\n") : table([["us", "bytes", "mean", "p50", "p99"], ...rows]));
    return true;
  });
}
