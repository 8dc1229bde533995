// Replicas come and go while a soak runs: they drain and are ready again, are replaced as in a rolling update, or die. Drawn from a seed; each
// comes back, with a new incarnation where its process ended.
import { setTimeout as sleep } from "node:timers/promises";
import { seeded, type Random } from "../simulate/random.ts";
import type { Fleet, Member } from "./fleet.ts";

export const CHURNS = ["drains", "is_replaced", "dies"] as const;
export type ChurnKind = (typeof CHURNS)[number];

export interface ChurnOptions {
  readonly seed: number;
  /** On average from the end of one to the start of the next. */
  readonly everyMs: number;
  readonly signal: AbortSignal;
}

export interface Churn {
  readonly counts: Readonly<Record<ChurnKind, number>>;
  /** Whether a replica was dead at some time between the two, or had just come back. */
  readonly diedBetween: (fromMs: number, toMs: number) => boolean;
  /** When no more are begun, after `signal`; every replica is back then. */
  readonly over: Promise<void>;
}

const AWAY_MS = { least: 500, most: 3000 };
/** A request can fail at a dead replica this long after it is back: the answer was on its way. */
const LINGERS_MS = 1000;
/** Deaths remembered, far more than a request can live through. */
const DEATHS_KEPT = 50;
const DRAINED_WITHIN_MS = 10_000;
const POLL_MS = 20;
/** A request that was granted before the drain may still be on its way to the replica. */
const ON_ITS_WAY_MS = 200;

interface Death {
  readonly fromMs: number;
  toMs: number;
}

export function startChurn({ members }: Fleet, { seed, everyMs, signal }: ChurnOptions): Churn {
  const random = seeded(seed);
  const counts: Record<ChurnKind, number> = { drains: 0, is_replaced: 0, dies: 0 };
  const deaths: Death[] = [];
  const over = loop().catch(() => {});
  return { counts, over, diedBetween: (from, to) => deaths.some(({ fromMs, toMs }) => fromMs <= to && from <= toMs) };

  async function loop(): Promise<void> {
    for (let turn = 0; ; turn++) {
      await sleep(everyMs * (0.5 + random()), undefined, { signal });
      const kind = CHURNS[turn % CHURNS.length] ?? "dies";
      const member = members[Math.floor(random() * members.length)];
      if (member === undefined) return;
      counts[kind]++;
      await befall(member, kind, between(random, AWAY_MS.least, Math.min(AWAY_MS.most, everyMs)));
    }
  }

  async function befall({ replica, heartbeats }: Member, kind: ChurnKind, awayMs: number): Promise<void> {
    if (kind === "dies") {
      heartbeats.pause();
      const death: Death = { fromMs: performance.now(), toMs: Infinity };
      deaths.push(death);
      if (deaths.length > DEATHS_KEPT) deaths.shift();
      await replica.die();
      await away(awayMs);
      await replica.revive(Date.now());
      heartbeats.resume();
      death.toMs = performance.now() + LINGERS_MS;
      return;
    }
    heartbeats.status = "draining";
    await heartbeats.beat();
    await away(awayMs);
    const idle = kind === "is_replaced" && (await drained(replica));
    if (!idle) {
      heartbeats.status = "ready";
      await heartbeats.beat();
      return;
    }
    heartbeats.pause();
    await heartbeats.beat("stopped");
    await replica.die();
    await away(awayMs);
    await replica.revive(Date.now());
    heartbeats.resume();
  }

  /** Cut short by the end of the run, so that the replica comes back all the same. */
  async function away(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal }).catch(() => {});
  }
}

async function drained({ service }: Member["replica"]): Promise<boolean> {
  const deadlineMs = performance.now() + DRAINED_WITHIN_MS;
  for (let idleSinceMs = performance.now(); performance.now() < deadlineMs;) {
    if (service.inFlight > 0) idleSinceMs = performance.now();
    if (performance.now() - idleSinceMs >= ON_ITS_WAY_MS) return true;
    await sleep(POLL_MS);
  }
  return false;
}

function between(random: Random, least: number, most: number): number {
  return least + (most - least) * random();
}
