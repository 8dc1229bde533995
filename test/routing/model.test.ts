// The fleet against a reference model: random histories of heartbeats, requests, failures, time and restarts, done to the real code as the
// Fleet object does them and to a simple model written from docs/protocol.md. After each step the two must know the same, and everything
// that the real one decided must be something that the model allows. The model is in model/.
import fc from "fast-check";
import { expect, test } from "vitest";
import { histories, peoples } from "./model/arbitraries.ts";
import { COMMANDS, OUTCOMES } from "./model/coverage.ts";
import { FleetObject } from "./model/object.ts";
import { createState } from "./model/state.ts";
import { seeded } from "./support/seeded.ts";

/** The time to live is 6 s for two replicas, 9 s for three, 12 s for four. */
const POLICY = { intervalMs: 2000, rateMax: 1, short: true };

test.each(["auto", "never"] as const)("with AFFINITY_WAIT=%s", { timeout: 60_000 }, (affinityWait) => {
  const options = { queueLengthMax: 6, coldStartMs: 2000, affinityWait };
  const reached = new Set<string>();
  const ran = new Set<string>();
  fc.assert(
    fc.property(
      fc.constantFrom(0, 2, 3, 4),
      histories((name) => ran.add(name)),
      (replicas, commands) => {
        fc.modelRun(() => {
          const model = createState(POLICY, options, (outcome) => reached.add(outcome));
          const real = new FleetObject(POLICY, options);
          peoples(model, real, replicas);
          return { model, real };
        }, commands);
      },
    ),
    seeded(600),
  );
  // Every command was run, and everything that can happen happened at least once.
  expect([...ran].toSorted()).toEqual([...COMMANDS].toSorted());
  const possible = OUTCOMES.filter((outcome) => outcome !== "waited beside a free replica" || affinityWait === "auto");
  expect([...reached].toSorted()).toEqual(possible.toSorted());
});
