// Replicas come and go while a soak runs: they drain and are ready again, are replaced as in a rolling update, or die. Drawn from a seed. Each
// comes back, with a new incarnation if its process ended.
import { setTimeout as sleep } from "node:timers/promises";
import type { Fleet } from "../live/fleet.ts";
import type { Member } from "../live/member.ts";
import { seeded } from "../simulate/random.ts";

const KINDS = ["drains", "is_replaced", "dies"] as const;

const AWAY_MS = { least: 500, most: 3000 };
/** A request can fail at a dead replica this long after it is back: the answer was on its way. */
const LINGERS_MS = 1000;
/** Deaths remembered, far more than a request can live through. */
const DEATHS_KEPT = 50;
const DRAINED_WITHIN_MS = 10_000;
const POLL_MS = 20;
/** A request that was granted before the drain may still be on its way to the replica. */
const ON_ITS_WAY_MS = 200;

/** `everyMs` on average from the end of one change to the start of the next. None begins after the signal. */
export function startChurn({ members }: Fleet, seed: number, everyMs: number, signal: AbortSignal) {
  const random = seeded(seed);
  const counts = { drains: 0, is_replaced: 0, dies: 0 };
  const deaths: { readonly fromMs: number; toMs: number }[] = [];
  return {
    counts,
    /** Resolved after the signal, when every replica is back. */
    over: loop(),
    /** Whether a replica was dead at some time between the two, or had just come back. */
    diedBetween: (from: number, to: number) => deaths.some(({ fromMs, toMs }) => fromMs <= to && from <= toMs),
  };

  async function loop(): Promise<void> {
    for (let turn = 0; ; turn++) {
      await away(everyMs * (0.5 + random()));
      const member = members[Math.floor(random() * members.length)];
      if (signal.aborted || member === undefined) return;
      const kind = KINDS[turn % KINDS.length] ?? "dies";
      counts[kind]++;
      await befall(member, kind, AWAY_MS.least + (Math.min(AWAY_MS.most, everyMs) - AWAY_MS.least) * random());
    }
  }

  async function befall(member: Member, kind: (typeof KINDS)[number], awayMs: number): Promise<void> {
    const death = { fromMs: performance.now(), toMs: Infinity };
    if (kind === "dies") {
      deaths.push(death);
      if (deaths.length > DEATHS_KEPT) deaths.shift();
    } else {
      await member.become("draining");
      await away(awayMs);
      if (kind === "drains" || !(await isDrained(member))) return member.become("ready");
    }
    await member.stop(kind === "is_replaced");
    await away(awayMs);
    await member.restart();
    death.toMs = performance.now() + LINGERS_MS;
  }

  /** The end of the run cuts it short, so that the replica comes back all the same. */
  async function away(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal }).catch(() => {});
  }
}

async function isDrained({ replica }: Member): Promise<boolean> {
  const deadlineMs = performance.now() + DRAINED_WITHIN_MS;
  for (let idleSinceMs = performance.now(); performance.now() < deadlineMs;) {
    if (replica.inFlight > 0) idleSinceMs = performance.now();
    if (performance.now() - idleSinceMs >= ON_ITS_WAY_MS) return true;
    await sleep(POLL_MS);
  }
  return false;
}
