// Whatever has happened to a fleet, `explain` tells what `enqueue` does next, and looking changes nothing.
import fc from "fast-check";
import { expect, test } from "vitest";
import { explain } from "../../src/routing/explain.ts";
import { endWithheld } from "../../src/routing/ledger/residency.ts";
import * as lifecycle from "../../src/routing/lifecycle.ts";
import { answered, failed } from "../../src/routing/lifecycle.ts";
import type { WaitingOptions } from "../../src/routing/refusals.ts";
import { createScheduler, enqueue, expire, dispatch, type Scheduler } from "../../src/routing/scheduler.ts";
import { ERROR, UNAVAILABLE, UNREACHABLE } from "./support/failing.ts";
import { arrival, fullPicture, hears, TTL_MS, type Said } from "./support/fleets.ts";
import { seeded } from "./support/seeded.ts";

const HINTS = ["v", "w", "x", "y"];
const IDS = ["a", "b", "c", "d"];
const FAILURES = [ERROR, UNREACHABLE, UNAVAILABLE];
type Step =
  | readonly ["report", string, Said]
  | readonly ["request", readonly string[]]
  | readonly ["fail" | "answer" | "wait" | "settling", number];

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.tuple(
      fc.constant("report" as const),
      fc.constantFrom(...IDS),
      fc.record({
        status: fc.constantFrom(
          "ready" as const,
          "ready" as const,
          "ready" as const,
          "starting" as const,
          "draining" as const,
          "stopped" as const,
        ),
        concurrency: fc.integer({ min: 1, max: 2 }),
        hints: fc.option(fc.subarray(HINTS)),
        hintSlots: fc.option(fc.nat({ max: 2 })),
      }),
    ),
  },
  { weight: 4, arbitrary: fc.tuple(fc.constant("request" as const), fc.shuffledSubarray(HINTS, { maxLength: 2 })) },
  { weight: 1, arbitrary: fc.tuple(fc.constant("fail" as const), fc.nat({ max: 9 })) },
  { weight: 1, arbitrary: fc.tuple(fc.constant("answer" as const), fc.nat({ max: 9 })) },
  { weight: 1, arbitrary: fc.tuple(fc.constant("wait" as const), fc.constantFrom(1, 1900, 3000, 16_000)) },
  { weight: 1, arbitrary: fc.tuple(fc.constant("settling" as const), fc.constantFrom(0, 500)) },
);

/** Everything in turn, from time 0; gives the time after it. */
function play(scheduler: Scheduler, options: WaitingOptions, steps: readonly Step[]): number {
  let now = 0;
  for (const [index, [does, what, said]] of steps.entries()) {
    if (does === "report") hears(scheduler.fleet, what, said, now);
    else if (does === "request") enqueue(scheduler, options, index, arrival(what, now), now);
    else if (does === "answer") answered(scheduler, what, { kind: "success", hints: null }, now);
    else if (does === "fail") failed(scheduler, what, FAILURES[what % FAILURES.length] ?? ERROR, null, now);
    else if (does === "settling") scheduler.recoveringUntilMs = now + what;
    else expire(scheduler, TTL_MS, (now += what));
    if (index % 3 === 0) dispatch(scheduler, options, now);
  }
  return now;
}

test.each(["auto", "never"] as const)(
  "it tells what `enqueue` does with such a request, and changes nothing: %s",
  (affinityWait) => {
    const options = { queueLengthMax: 3, coldStartMs: 2000, affinityWait };
    const told = new Set<string>();
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 25, size: "max" }),
        fc.shuffledSubarray(HINTS, { maxLength: 3 }),
        (steps, hints) => {
          const scheduler = createScheduler(2000);
          const now = play(scheduler, options, steps);
          // As with every arrival.
          endWithheld(scheduler.fleet, now);
          const before = fullPicture(scheduler);
          const { decision, waiting, candidates } = explain(scheduler, options, hints, now);
          expect(fullPicture(scheduler)).toEqual(before);
          expect(waiting).toBe(scheduler.queue.waiting.size);
          told.add(decision.outcome);
          if (decision.outcome === "wait" && decision.expected_wait_s !== null) told.add("wait for a warm one");

          const standing = enqueue(scheduler, options, 1000, arrival(hints, now, { deadlineMs: Infinity }), now);
          const chosen = candidates.filter((candidate) => candidate.chosen).map(({ replica }) => replica);
          for (const { passed_over } of candidates.filter((candidate) => candidate.chosen)) expect(passed_over).toBeNull();
          expect(chosen).toEqual(standing.kind === "granted" ? [standing.grant.replica.id] : []);
          switch (standing.kind) {
            case "granted": {
              const { grant, reason, warm } = standing;
              expect(decision).toEqual({ outcome: "grant", replica: grant.replica.id, reason, warm });
              return;
            }
            case "refused":
              expect(decision).toEqual({ outcome: "refuse", error_type: standing.refusal.kind });
              return;
            case "waiting":
              expect(decision).toMatchObject({ outcome: "wait" });
              if (decision.outcome !== "wait" || decision.expected_wait_s === null) return;
              expect(decision.expected_wait_s).toBeLessThanOrEqual(decision.worth_waiting_s ?? 0);
              expect(scheduler.lookAgainMs).toBeLessThan(Infinity);
          }
        },
      ),
      seeded(600),
    );
    expect([...told].toSorted()).toEqual([
      "grant",
      "refuse",
      "wait",
      ...(affinityWait === "auto" ? ["wait for a warm one"] : []),
    ]);
  },
);
