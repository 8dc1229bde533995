// A scheduler over a small fleet, driven in a line each: requests are numbered as the test likes. Calls it as the Fleet object does.
import type { AnswerKind } from "../../../src/routing/health/outcome.ts";
import type { Arrival } from "../../../src/routing/ledger/queue.ts";
import { answered, finish } from "../../../src/routing/lifecycle.ts";
import { costPolicy } from "../../../src/routing/policy/cost.ts";
import type { Policy } from "../../../src/routing/policy/policy.ts";
import type { WaitingOptions } from "../../../src/routing/refusals.ts";
import * as scheduling from "../../../src/routing/scheduler.ts";
import { arrival, brief, COLD_MS, hears, OPTIONS, type Said } from "./fleets.ts";
import { teach } from "./teaching.ts";
import { inOrder } from "./waits.ts";

export type Driver = ReturnType<typeof driver>;

export function driver(
  replicas: Readonly<Record<string, Said>> = {},
  policy: Policy = costPolicy(),
  options: WaitingOptions = OPTIONS,
) {
  const its = scheduling.createScheduler(policy, COLD_MS);
  for (const [id, said] of Object.entries(replicas)) hears(its.fleet, id, said);
  const arrives = (id: number, hints: readonly string[], now = 0, rest: Partial<Arrival> = {}) =>
    brief(scheduling.enqueue(its, options, id, arrival(hints, now, rest), now));
  const answers = (id: number, now = 0, hints: readonly string[] | null = null, kind: AnswerKind = "success") =>
    answered(its, id, { kind, hints }, now);
  const ends = (id: number, now = 0) => finish(its, id, now);
  return {
    its,
    arrives,
    answers,
    ends,
    /** Answered and over. */
    served: (id: number, now = 0) => {
      answers(id, now);
      ends(id, now);
    },
    hears: (replica: string, said: Said = {}, now = 0) => hears(its.fleet, replica, said, now),
    dispatches: (now = 0) =>
      Object.fromEntries([...scheduling.dispatch(its, options, now)].map(([id, outcome]) => [id, brief(outcome)])),
    waiting: () => inOrder(its.queue).map((waiting) => waiting.id),
    /** As if so many requests that found the hint warm had each held their slot for so long. */
    teaches: (hint: string, heldMs: number, times = 5) => teach(its.model, hint, heldMs, times),
  };
}
