// The scheduler under anything that can happen to it: whatever the order of arrivals, reports, restarts, failures and time, no slot is
// lost or given twice, no wake-up is missed, and nobody is sent where nobody should be. The checks are in support/world.ts.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { loadOf } from "../../src/routing/ledger/fleet.ts";
import { endWithheld } from "../../src/routing/ledger/residency.ts";
import { LIMITS } from "../../src/routing/limits.ts";
import type { Failure } from "../../src/routing/health/outcome.ts";
import { createScheduler, type Counters } from "../../src/routing/scheduler.ts";
import type { Command } from "./support/happenings.ts";
import { violations } from "./support/invariants.ts";
import { seeded } from "./support/seeded.ts";
import { World } from "./support/world.ts";

const REPLICAS = ["a", "b", "c"];
const HINTS = ["v", "w", "x", "y", "z"];

const replica = fc.constantFrom(...REPLICAS);
const which = fc.nat({ max: 30 });
const hintList = fc.subarray(HINTS, { maxLength: 3 });
const orNull = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { freq: 2 });

const report: fc.Arbitrary<Command> = fc.record({
  does: fc.constant("report" as const),
  replica,
  process: fc.constantFrom(0, 0, 0, 0, 0, 1, -1),
  sequence: fc.constantFrom("next", "next", "next", "none", "old"),
  at: fc.constantFrom(null, null, null, null, null, null, null, null, ...REPLICAS),
  said: fc.record({
    status: fc.constantFrom("ready", "ready", "ready", "ready", "starting", "draining", "stopped"),
    concurrency: fc.constantFrom(1, 1, 2, 3),
    hints: orNull(hintList),
    hintSlots: orNull(fc.nat({ max: 3 })),
    inFlight: orNull(fc.nat({ max: 3 })),
  }),
});

const arrive: fc.Arbitrary<Command> = fc.record({
  does: fc.constant("arrive" as const),
  hints: hintList.chain((hints) => fc.shuffledSubarray(hints, { minLength: hints.length })),
  avoid: fc.oneof({ weight: 4, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: fc.subarray(REPLICAS) }),
  timeoutMs: fc.constantFrom(0, 3000, 20_000, 60_000),
  queueLengthMax: fc.constantFrom(null, null, null, 0, 2),
  declaredMs: fc.constantFrom(null, null, null, 400, 9000),
  priority: fc.constantFrom("normal", "normal", "high", "low"),
});

const failure: fc.Arbitrary<Failure> = fc.oneof(
  fc.record({ kind: fc.constantFrom("unreachable", "disconnected", "timed_out", "broken", "error", "error") }),
  fc.record({ kind: fc.constant("unavailable" as const), retryAfterMs: fc.constantFrom(null, 0, 2000, 1e9) }),
  fc.record({ kind: fc.constant("declined" as const), retryAfterMs: fc.constantFrom(null, 2000), forHint: fc.boolean() }),
);

const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 5, arbitrary: report },
  { weight: 6, arbitrary: arrive },
  { weight: 2, arbitrary: fc.record({ does: fc.constantFrom("end", "endTwice"), which }) },
  {
    weight: 2,
    arbitrary: fc.record({
      does: fc.constant("answer" as const),
      which,
      kind: fc.constantFrom("success", "success", "success", "unsupported", "rejected"),
      hints: fc.option(hintList, { freq: 3 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ does: fc.constant("fail" as const), which, failure }) },
  {
    weight: 2,
    arbitrary: fc.record({ does: fc.constant("wait" as const), ms: fc.constantFrom(0, 1, 500, 2000, 5000, 15_000, 20_000) }),
  },
  { weight: 1, arbitrary: fc.record({ does: fc.constantFrom("drain", "undrain", "delete"), replica }) },
);

const histories = fc.array(command, { maxLength: 60, size: "max" });

/** Every count with its name. */
function counts({ granted, refused, failed, ...others }: Counters): readonly (readonly [string, number])[] {
  const named = (name: string, its: object) =>
    Object.entries(its).map(([what, times]) => [`${name} ${what}`, Number(times)] as const);
  return [...named("granted", granted), ...named("refused", refused), ...named("failed", failed), ...named("", others)];
}

describe.each(["auto", "never"] as const)("with AFFINITY_WAIT=%s", (affinityWait) => {
  test("whatever happens, every check of the model holds, and when all is over nothing is held", { timeout: 30_000 }, () => {
    const reached = new Set<string>();
    let kept = 0;
    fc.assert(
      fc.property(histories, (commands) => {
        const world = new World(affinityWait);
        for (const command of commands) world.step(command);
        world.finishAll();
        kept += world.kept;
        const { fleet, room, counters } = world.scheduler;
        expect([fleet.grants.size, room.waiting.size]).toEqual([0, 0]);
        endWithheld(fleet, world.now + LIMITS.refusedSlotMostMs);
        expect(violations(fleet, world.now)).toEqual([]);
        for (const replica of fleet.replicas.values()) expect([loadOf(replica), replica.loading.size]).toEqual([0, 0]);
        for (const [what, times] of counts(counters)) if (times > 0) reached.add(what);
      }),
      seeded(800),
    );
    // The histories get everywhere but to the end of the retries, which takes more of them than these have: each reason, each refusal, every other count, and waits beside a free replica where they may be.
    const all = counts(createScheduler().counters).map(([what]) => what);
    expect([...reached].toSorted()).toEqual(all.filter((what) => what !== "refused no_retry_left").toSorted());
    expect(kept > 0).toBe(affinityWait === "auto");
  });
});
