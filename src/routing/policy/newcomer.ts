// A request arrives while slots are free: it takes one, or waits for a warm replica where that is cheaper than a load.
import { coldChoice, decide, decideWarm, loadableIn, usableIn, type Choice, type Wanted } from "./decide.ts";
import type { Fleet } from "../ledger/fleet.ts";
import { foresee, nextStartMs } from "./availability-forecast.ts";
import { LIMITS } from "../limits.ts";
import { placeHint, Regrets } from "./placement.ts";
import { insistsAtMs, orderOf, worthWaitingMs, type Queued } from "./priority.ts";
import type { WaitingRoom } from "../ledger/queue.ts";

/** `never`: no slot stays idle while a request waits, as fal documents. */
export type AffinityWait = "auto" | "never";

export interface Wait {
  readonly kind: "wait";
  /** When a replica that holds the hint is expected to be free, ms from now, and the longest wait that is better than a load. */
  readonly expectedMs: number;
  readonly worthMs: number;
  /** When to decide again, whatever happens. */
  readonly lookAgainMs: number;
}

/** What a request that has just come should do where slots are free: take one, wait for a warm one, or null: it can have none. */
export function considerNewcomer(
  fleet: Fleet,
  room: WaitingRoom,
  wanted: Wanted & Queued,
  affinityWait: AffinityWait,
  now: number,
): Choice | Wait | null {
  const insistsMs = insistsAtMs(wanted, orderOf(fleet));
  if (affinityWait === "never" || insistsMs <= now) return decide(fleet, wanted, now);
  const usable = usableIn(fleet, wanted, now);
  const warm = decideWarm(fleet, wanted, usable, now);
  if (warm !== null) return warm;
  const [hint] = wanted.hints;
  const placement = hint === undefined ? null : placeHint(fleet, hint, loadableIn(fleet, hint, usable, now), new Regrets(fleet));
  if (hint === undefined || placement === null) return null;
  const foresight = foresee(fleet, room.byHint, wanted.hints, usable, now);
  if (foresight === null) return coldChoice(fleet, hint, placement);
  const worthMs = worthWaitingMs(fleet, hint, placement.regretMs, room.waiting.size);
  let startsMs = nextStartMs(foresight);
  for (let ahead = room.byHint.get(hint) ?? 0; ahead > 0 && startsMs < worthMs; ahead--) startsMs = nextStartMs(foresight);
  if (startsMs >= worthMs) return coldChoice(fleet, hint, placement);
  return { kind: "wait", expectedMs: startsMs, worthMs, lookAgainMs: Math.min(now + LIMITS.lookAgainMs, insistsMs) };
}
