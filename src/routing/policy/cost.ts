// The default policy: the request whose service costs the fleet least per slot goes first (order.ts), to a warm replica if one is free, else to the
// replica where its load hurts least (placement.ts). A request that would have to load waits instead, beside a free slot, if a warm replica is
// expected to be free soon enough (availability-forecast.ts).
import type { RequestClass, Waiting } from "../ledger/queue.ts";
import { LIMITS } from "../limits.ts";
import { loadMs } from "../model/model.ts";
import { TUNING } from "../tuning.ts";
import { forecast, nextStartMs } from "./availability-forecast.ts";
import { eligibleFor, eligibleToLoad, freeHints, warmPlace, type Eligible } from "./candidates.ts";
import { evictionMs, occupationMs } from "./eviction-cost.ts";
import { agingMsOf, byArrival, coldCostMs, orderOf, priorityOf, urgencyOf, type Order } from "./order.ts";
import { leastLossMs, lossesOf, placeHint, type Losses } from "./placement.ts";
import type { Hold, Pick, Policy, Send, View } from "./policy.ts";

/** `never`: no slot stays idle while a request waits, as fal documents. */
export type AffinityWait = "auto" | "never";

export function costPolicy(affinityWait: AffinityWait = "auto"): Policy {
  const held: Held = new WeakMap();
  return {
    pick: (view, classes, now) => new Round(view, affinityWait, held, now).pick(classes),
    weigh: (view, replica) => ({ evictionMs: evictionMs(view, replica), occupationMs: occupationMs(view, replica) }),
  };
}

/**
 * Classes that would rather wait, as the last look at them found, and how many waited in them then. Saves looking again at once; changes no answer.
 */
type Held = WeakMap<RequestClass, { readonly hold: Hold; readonly waiting: number }>;

/** A class that may be next. Its priority is at most `atMost`; a closer look may find it lower. */
interface Candidate {
  readonly its: RequestClass;
  readonly warm: boolean;
  readonly atMost: number;
}

type Prospect = Send & { readonly priority: number };

/** If a decision looks at more classes, it collects the hints of the free replicas. */
const CLASSES_BEFORE_SET = 32;

/** One decision: what does not change while it is made. */
class Round {
  readonly #view: View;
  readonly #affinityWait: AffinityWait;
  readonly #heldBefore: Held;
  readonly #now: number;
  readonly #order: Order;
  readonly #eligible: Eligible;
  readonly #losses: Losses;
  #leastLossMs: number | null = null;
  #lookAgainAtMs: number;
  #held: Hold | null = null;
  #asked = 0;
  #looked = 0;
  #freeHints: ReadonlySet<string> | null = null;

  constructor(view: View, affinityWait: AffinityWait, held: Held, now: number) {
    this.#view = view;
    this.#affinityWait = affinityWait;
    this.#heldBefore = held;
    this.#now = now;
    this.#order = orderOf(view);
    this.#eligible = eligibleFor(view.fleet, { hints: [], avoid: [] }, now);
    this.#losses = lossesOf(view);
    this.#lookAgainAtMs = now + LIMITS.lookAgainMs;
  }

  /** Looks closely at the classes in order of what their priority is at most, until none can be better than the best. O(n log n) in classes. */
  pick(classes: Iterable<RequestClass>): Pick {
    let best: Prospect | null = null;
    for (const { its, warm, atMost } of this.#candidates(classes).sort(byBound)) {
      if (best !== null && atMost <= best.priority) break;
      if (this.#asked >= LIMITS.classesAsked) {
        this.#lookAgainAtMs = Math.min(this.#lookAgainAtMs, this.#now + LIMITS.nextRoundMs);
        if (!warm) continue;
      }
      const prospect = this.#prospectOf(its);
      if (prospect !== null && (best === null || prospect.priority > best.priority)) best = prospect;
    }
    if (best !== null || this.#held === null) return best;
    return { ...this.#held, lookAgainAtMs: this.#lookAgainAtMs };
  }

  #candidates(classes: Iterable<RequestClass>): Candidate[] {
    const candidates: Candidate[] = [];
    for (const its of classes) {
      const warm = this.#mayBeWarm(its.hints);
      const held = warm ? undefined : this.#heldBefore.get(its);
      if (held !== undefined && held.hold.lookAgainAtMs > this.#now && held.waiting === its.waiting.length) {
        this.#holds(held.hold);
        continue;
      }
      const head = its.waiting[0];
      if (head === undefined) continue;
      if (!warm) this.#leastLossMs ??= leastLossMs(this.#view, this.#eligible, this.#losses);
      if (!warm && this.#leastLossMs === Infinity && its.avoid.length === 0) continue;
      const costMs = warm ? head.expectedMs : coldCostMs(this.#view, its, this.#leastLossMs ?? 0);
      candidates.push({ its, warm, atMost: this.#priority(head, costMs) });
    }
    return candidates;
  }

  #mayBeWarm(hints: readonly string[]): boolean {
    const { fleet, queue } = this.#view;
    this.#looked++;
    // Of many classes most have hints that are not in this set, and to find that takes less time than to find their holders.
    if (this.#looked === CLASSES_BEFORE_SET) this.#freeHints = freeHints(fleet, queue.classes.size);
    for (let index = 0; index < hints.length; index++) {
      const hint = hints[index] ?? "";
      if (this.#freeHints === null ? fleet.holders.hasFree(hint) : this.#freeHints.has(hint)) return true;
    }
    return hints.length === 0;
  }

  /** What the class would do now; null: its requests can't have a slot, or are better off waiting. */
  #prospectOf(its: RequestClass): Prospect | null {
    const { fleet } = this.#view;
    const [head] = its.waiting;
    if (head === undefined) return null;
    const eligible = its.avoid.length === 0 ? this.#eligible : eligibleFor(fleet, its, this.#now);
    const warm = warmPlace(fleet, its, eligible, this.#now);
    if (warm !== null) return { kind: "send", request: head, ...warm, priority: this.#priority(head, head.expectedMs) };
    const [hint] = its.hints;
    if (hint === undefined) return null;
    const placement = placeHint(this.#view, hint, eligibleToLoad(fleet, hint, eligible, this.#now), this.#losses);
    if (placement === null) return null;
    const request = this.#whoLoads(its, hint, placement.lossMs, eligible);
    if (request === null) return null;
    const priority = this.#priority(head, coldCostMs(this.#view, its, placement.lossMs));
    const { replica, isFirstFree } = placement;
    return { kind: "send", request, replica, hint, isFirstFree, priority };
  }

  /** The first of the class that has aged, or would wait for a warm replica longer than is worth it; null: there is none. O(class). */
  #whoLoads(its: RequestClass, hint: string, lossMs: number, eligible: Eligible): Waiting | null {
    const [head] = its.waiting;
    if (head === undefined || this.#affinityWait === "never") return head ?? null;
    const worthMs = worthWaitingMs(this.#view, hint, lossMs, its.waiting.length);
    const available = forecast(this.#view, its.hints, eligible, this.#now);
    if (available === null) return head;
    let firstStartMs: number | null = null;
    let untilMs = this.#now + LIMITS.lookAgainMs;
    for (const request of its.waiting) {
      const agedAtMs = request.arrivedAtMs + agingMsOf(request, this.#order);
      const startMs = nextStartMs(available);
      if (agedAtMs <= this.#now || startMs >= worthMs) return request;
      firstStartMs ??= startMs;
      untilMs = Math.min(untilMs, agedAtMs);
    }
    this.#asked++;
    const hold: Hold = { kind: "hold", lookAgainAtMs: untilMs, expectedMs: firstStartMs ?? 0, worthMs };
    this.#heldBefore.set(its, { hold, waiting: its.waiting.length });
    this.#holds(hold);
    return null;
  }

  #holds(hold: Hold): void {
    this.#held ??= hold;
    this.#lookAgainAtMs = Math.min(this.#lookAgainAtMs, hold.lookAgainAtMs);
  }

  #priority(head: Waiting, costMs: number): number {
    return urgencyOf(head.priority, head, this.#now) * priorityOf(head, costMs, this.#order, this.#now);
  }
}

/**
 * The longest wait for a warm replica that is better than a load now: a part of what the load costs, and more of it the more others wait, whom the
 * load would delay. `sharers`: requests that wait for the same.
 */
export function worthWaitingMs(view: View, hint: string, lossMs: number, sharers: number): number {
  const { fleet, queue, model } = view;
  const its = loadMs(model, hint);
  const othersPerSlot = (queue.waiting.size - sharers) / Math.max(1, fleet.slots);
  return TUNING.waitShare * (its + lossMs) + TUNING.waitPerWaiting * othersPerSlot * its;
}

/** The highest bound first; of equals the one that came first. */
function byBound(one: Candidate, other: Candidate): number {
  return other.atMost - one.atMost || byArrival(one.its.waiting[0], other.its.waiting[0]);
}
