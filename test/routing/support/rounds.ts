// Rounds of binding over a room of requests made by hand.
import { bindWaiting } from "../../../src/routing/policy/binding.ts";
import type { AffinityWait } from "../../../src/routing/policy/newcomer.ts";
import type { Fleet } from "../../../src/routing/ledger/fleet.ts";
import { takeSlot } from "../../../src/routing/ledger/slots.ts";
import { createWaitingRoom, join, leave, type Waiting, type WaitingRoom } from "../../../src/routing/ledger/queue.ts";
import { COLD_MS } from "./fleets.ts";

type Request = readonly [hints: readonly string[], rest?: Partial<Waiting>];

/** Requests that came one millisecond after the other, numbered from 1. */
export function roomOf(...requests: readonly Request[]): WaitingRoom {
  const room = createWaitingRoom();
  for (const [index, [hints, rest]] of requests.entries()) {
    const expected = {
      declaredMs: null,
      priority: "normal",
      countedAt: null,
      expectedMs: 0,
      loadMs: COLD_MS,
      declinedAtMs: Infinity,
    } as const;
    join(room, { id: index + 1, arrivedAtMs: index, deadlineMs: Infinity, avoid: [], ...expected, hints, ...rest });
  }
  return room;
}

/** One round: `request replica warm|cold`, in the order they were bound, and when to decide again. */
export function bind(fleet: Fleet, room: WaitingRoom, affinityWait: AffinityWait = "auto", now = 100) {
  const bound: string[] = [];
  const lookAgainMs = bindWaiting(fleet, room, affinityWait, now, (waiting, choice) => {
    if (!leave(room, waiting.id)) throw new Error(`${waiting.id} does not wait`);
    takeSlot(fleet, waiting.id, choice, now);
    bound.push(`${waiting.id} ${choice.replica.id} ${choice.warm ? "warm" : "cold"}`);
  });
  return { bound, lookAgainMs };
}
