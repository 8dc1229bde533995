// What must hold of those that wait, once all that can be bound is: nobody past the deadline, nobody beside a free replica unless a wait
// for a warm one may be better, or was a moment ago, and then somebody looks again soon.
import { decide, isServing, usableIn } from "../../../src/routing/policy/decide.ts";
import { isReady } from "../../../src/routing/ledger/fleet.ts";
import { LIMITS } from "../../../src/routing/limits.ts";
import { nextEventMs, type Scheduler, type SchedulerOptions } from "../../../src/routing/scheduler.ts";
import type { Waiting, WaitingRoom } from "../../../src/routing/ledger/queue.ts";

/** `kept`: how many wait beside a free replica, as they may. */
export function waits(scheduler: Scheduler, options: SchedulerOptions, now: number): { faults: string[]; kept: number } {
  const faults: string[] = [];
  let kept = 0;
  for (const waiting of scheduler.room.waiting.values()) {
    const complain = (what: string) => faults.push(`request ${waiting.id} for [${waiting.hints.join()}] ${what}`);
    if (waiting.deadlineMs <= now) complain("waits past its deadline");
    const choice = decide(scheduler.fleet, waiting, now);
    if (choice === null) continue;
    kept++;
    const beside = `waits beside ${choice.replica.id}, which is free`;
    if (options.affinityWait === "never") complain(beside);
    else if (choice.warm) complain(`${beside} and warm`);
    else if (!mayWaitForWarm(scheduler, waiting, now) && !saidSo(scheduler, waiting, now)) {
      complain(`${beside}, and nobody holds its hints`);
    }
  }
  const { lookAgainMs } = scheduler;
  if (kept > 0 && !(lookAgainMs > now && lookAgainMs <= now + LIMITS.lookAgainMs)) faults.push(`looks again at ${lookAgainMs}`);
  if (kept > 0 && nextEventMs(scheduler) > lookAgainMs) faults.push("wakes after it should look again");
  return { faults, kept };
}

/** Its lane would rather wait when it was asked, and is asked again as soon as it may be. */
function saidSo({ room, lookAgainMs }: Scheduler, { id }: Waiting, now: number): boolean {
  const lane = [...room.lanes].find(({ queue }) => queue.some((waiting) => waiting.id === id));
  const patientUntilMs = lane === undefined ? 0 : (room.lanes.patientUntilMs[lane.row] ?? 0);
  return patientUntilMs > now && lookAgainMs <= patientUntilMs;
}

function mayWaitForWarm({ fleet }: Scheduler, waiting: Waiting, now: number): boolean {
  const usable = usableIn(fleet, waiting, now);
  for (const replica of fleet.replicas.values()) {
    if (isReady(replica) && usable(replica) && waiting.hints.some((hint) => isServing(fleet, replica, hint, now))) return true;
  }
  return false;
}

/** Everybody who waits, in order of arrival. */
export function inOrder(room: WaitingRoom): readonly Waiting[] {
  return [...room.waiting.values()].sort((a, b) => a.arrivedAtMs - b.arrivedAtMs || a.id - b.id);
}
