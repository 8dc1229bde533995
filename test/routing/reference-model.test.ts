// The fleet against a reference model: random histories of heartbeats, requests, failures, time and restarts, done to the real code as the
// Fleet object does them and to a simple model written from docs/protocol.md. After each step the two must know the same, everything that
// the real one decided must be something that the model allows, and every index must be what the records say. The model is in reference/.
import fc from "fast-check";
import { expect, test } from "vitest";
import { loadOf } from "../../src/routing/ledger/replica.ts";
import { endWithheld } from "../../src/routing/ledger/residency.ts";
import { LIMITS } from "../../src/routing/limits.ts";
import { policyOf, type Scheduling } from "../../src/routing/policy/index.ts";
import type { AffinityWait } from "../../src/routing/policy/cost.ts";
import { isOver } from "./reference/acts.ts";
import { histories, peoples } from "./reference/arbitraries.ts";
import { COMMANDS, OUTCOMES, type Outcome } from "./reference/coverage.ts";
import { FleetObject } from "./reference/object.ts";
import { createState, type State } from "./reference/state.ts";
import { seeded } from "./support/seeded.ts";

/** The time to live is 6 s for two replicas, 9 s for three, 12 s for four. */
const HEARTBEATS = { intervalMs: 2000, rateMax: 1, short: true };
const OPTIONS = { queueLengthMax: 6, coldStartMs: 2000 };

/** A policy need not do these. */
const OPTIONAL: ReadonlySet<Outcome> = new Set(["waited beside a free replica", "a low request was no longer behind"]);

test.each<[Scheduling, AffinityWait, number]>([
  ["cost", "auto", 600],
  ["cost", "never", 600],
  ["fifo", "auto", 600],
])("SCHEDULING=%s, AFFINITY_WAIT=%s", { timeout: 60_000 }, (scheduling, affinityWait, runs) => {
  const reached = new Set<Outcome>();
  const ran = new Set<string>();
  fc.assert(
    fc.property(
      fc.constantFrom(0, 2, 3, 4),
      histories((name) => ran.add(name)),
      (replicas, commands) => {
        const model = createState(HEARTBEATS, OPTIONS, affinityWait === "never", (outcome) => reached.add(outcome));
        const real = new FleetObject(HEARTBEATS, OPTIONS, () => policyOf(scheduling, affinityWait));
        fc.modelRun(() => {
          peoples(model, real, replicas);
          return { model, real };
        }, commands);
        endsAll(model, real);
      },
    ),
    seeded(runs),
  );
  // Every command was run, and everything that can happen happened at least once.
  expect([...ran].toSorted()).toEqual([...COMMANDS].toSorted());
  expect(OUTCOMES.filter((outcome) => !reached.has(outcome) && !OPTIONAL.has(outcome))).toEqual([]);
  expect(reached.has("waited beside a free replica")).toBe(affinityWait === "auto");
});

/** Every request ends, those that are sent meanwhile too: then nothing is held. */
function endsAll(model: State, real: FleetObject): void {
  const open = () => [...model.tickets, ...model.waiting];
  for (let [next] = open(); next !== undefined; [next] = open()) isOver(model, real, next.id);
  const { fleet, queue } = real.scheduler;
  expect([fleet.grants.size, fleet.reclaimed.size, queue.waiting.size]).toEqual([0, 0, 0]);
  endWithheld(fleet, real.nowMs + LIMITS.refusedSlotMostMs);
  for (const replica of fleet.replicas.values()) expect([loadOf(replica), replica.loading.size]).toEqual([replica.unadopted, 0]);
}
