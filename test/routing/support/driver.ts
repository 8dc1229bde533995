// A scheduler over a small fleet, driven in a line each: requests are numbered as the test likes. Calls it as the Fleet object does.
import { countArrival, learnAnswer, learnService } from "../../../src/routing/model/estimates.ts";
import type { AnswerKind } from "../../../src/routing/health/outcome.ts";
import * as scheduling from "../../../src/routing/scheduler.ts";
import { arrival, brief, COLD_MS, hears, OPTIONS, type Said } from "./fleets.ts";
import { inOrder } from "./waits.ts";

export type Driver = ReturnType<typeof driver>;

export function driver(replicas: Readonly<Record<string, Said>> = {}, options: scheduling.SchedulerOptions = OPTIONS) {
  const its = scheduling.createScheduler(COLD_MS);
  for (const [id, said] of Object.entries(replicas)) hears(its.fleet, id, said);
  const arrives = (id: number, hints: readonly string[], now = 0, rest: Partial<scheduling.Arrival> = {}) =>
    brief(scheduling.enqueue(its, options, id, arrival(hints, now, rest), now));
  const answers = (id: number, now = 0, hints: readonly string[] | null = null, kind: AnswerKind = "success") =>
    scheduling.answered(its, id, { kind, hints }, now);
  const ends = (id: number, now = 0) => scheduling.finish(its, id, now);
  return {
    its,
    arrives,
    answers,
    ends,
    hears: (replica: string, said: Said = {}, now = 0) => hears(its.fleet, replica, said, now),
    settles: (now = 0) =>
      Object.fromEntries([...scheduling.settle(its, options, now)].map(([id, standing]) => [id, brief(standing)])),
    waiting: () => inOrder(its.room).map((waiting) => waiting.id),
    /** As if so many requests that found the hint warm had each held their slot for so long. */
    teaches: (hint: string, heldMs: number, times = 5) => {
      const { estimates } = its.fleet;
      for (let time = 0; time < times; time++) {
        countArrival(estimates, hint);
        learnAnswer(estimates, hint, 1);
        learnService(estimates, hint, heldMs, null);
      }
    },
  };
}
