// How many replicas an app should have, for whoever starts and stops them. The router starts none itself, and decides nothing else by this.
//
// The rule has four parts, each well known:
// - Little's law (Little, 1961): the mean number of requests that run is the mean number of slots that they need, whatever their times are. So many slots
//   are asked for that they are used to `target` of the time, over a minute, as Knative's autoscaler does in its stable window.
// - What waits is to be served within `clearMs` once new replicas serve. What the slots of now will have served until then needs no new replica. This is
//   the part that reacts at once, in place of Knative's panic window.
// - What is told is the most that was needed at any moment of the last `windowMs` (the stabilisation window of Kubernetes' HorizontalPodAutoscaler), so
//   that nothing is taken away that was needed lately. And less is told than there is only if that window was watched.
// - A change of a tenth is none (HorizontalPodAutoscaler's tolerance).
import { isReady, type Replica } from "../routing/ledger/replica.ts";
import { LIMITS } from "../routing/limits.ts";
import { clamp } from "../routing/model/mean.ts";
import { meanLoadMs } from "../routing/model/model.ts";
import type { View } from "../routing/policy/policy.ts";
import { waitingWorkMs, type DemandHistory, type DemandStep } from "./demand.ts";

/** What is asked. */
export interface ScaleOptions {
  /** The fewest and the most replicas that are told, 0 to `replicasPerApp`. */
  min: number;
  max: number;
  /** The share of slots that should be in use, above 0 and at most 1. */
  target: number;
  /** In what time what waits should be served. */
  clearMs: number;
  /** How long a new replica takes until it is ready, without the load of a hint. */
  startMs: number;
  /** For how long a replica must not have been needed before it is not asked for any more: from `demandMeanMs` to `demandSteps` steps. */
  windowMs: number;
  /** Slots of one replica, where no replica is there to tell; null: not known. */
  slots: number | null;
}

/** What is taken where nothing else is asked for: 0.7 and 300 s are the defaults of Knative and of Kubernetes. */
export const SCALE_DEFAULTS: Readonly<ScaleOptions> = {
  min: 0,
  max: LIMITS.replicasPerApp,
  target: 0.7,
  clearMs: 60_000,
  startMs: 0,
  windowMs: 300_000,
  slots: null,
};

/**
 * `demand`: for the requests that run. `waiting`: for what waits. `recent`: this was needed earlier in the window. `request`: a request came in the window,
 * so one is kept. `tolerance`: what is there is near enough. `unwatched`: nothing is taken away before the window was watched. `min`, `max`: as asked.
 * `idle`: nothing came in the window.
 */
export type ScaleReason = "demand" | "waiting" | "recent" | "request" | "tolerance" | "unwatched" | "min" | "max" | "idle";

export interface Scale {
  readonly desired_replicas: number;
  readonly reasons: readonly ScaleReason[];
  /** Replicas that are ready or starting, and not drained. */
  readonly replicas: number;
  /** Slots of the ready ones, and of one; null: not known. */
  readonly slots: number;
  readonly slots_per_replica: number | null;
  readonly running: number;
  readonly waiting: number;
  /** How long one slot would take for what waits. */
  readonly waiting_work_s: number;
  /** The mean number of running requests over the last minute, and its share of the slots; null: there are none. */
  readonly mean_running: number;
  readonly utilisation: number | null;
  /** Until a new replica serves: its start, and a mean load. */
  readonly load_s: number;
  /** Since the last request came; null: none did in the last hour, as far as is known. */
  readonly last_request_s: number | null;
  /** For how long the fleet was watched, at most the window. */
  readonly watched_s: number;
  /** The moment of the window when most was needed: how long ago, and slots for what ran and beside them for what waited. */
  readonly peak: { readonly ago_s: number; readonly demand_slots: number; readonly waiting_slots: number };
  readonly min: number;
  readonly max: number;
  readonly target: number;
  readonly clear_s: number;
  readonly start_s: number;
  readonly window_s: number;
}

/** Less than this share of the present replicas is no reason to change their number. */
const TOLERANCE = 0.1;

/** The answer of this moment. `history` must have been told of it. O(replicas + steps of the history). */
export function scaleOf(view: View, history: DemandHistory, options: ScaleOptions, now: number): Scale {
  const { fleet, queue, model } = view;
  const { min, max, target, clearMs, startMs, windowMs } = options;
  const present = [...fleet.replicas.values()].filter(isComing);
  const perReplica = present.length > 0 ? meanOf(present.map(({ concurrency }) => concurrency)) : options.slots;
  const usefulAfterMs = startMs + meanLoadMs(model);
  const steps = [...history.stepsOf(windowMs, now)];
  const meanRunning = steps.at(-1)?.running ?? 0;
  const peak = peakOf(steps, options, usefulAfterMs, now);
  const watchedMs = Math.min(windowMs, now - history.sinceMs);
  const isAsked = queue.waiting.size + fleet.running > 0 || now - history.lastRequestMs < windowMs;
  const isRecent = peak.untilMs < now;
  const seen = { isRecent, isAsked, watchedMs, present: present.length, perReplica };
  const { replicas, reasons } = decide(peak, seen, options);
  return {
    desired_replicas: replicas,
    reasons,
    replicas: present.length,
    slots: fleet.slots,
    slots_per_replica: perReplica === null ? null : rounded(perReplica),
    running: fleet.running,
    waiting: queue.waiting.size,
    waiting_work_s: seconds(waitingWorkMs(view)),
    mean_running: rounded(meanRunning),
    utilisation: fleet.slots > 0 ? rounded(meanRunning / fleet.slots) : null,
    load_s: seconds(usefulAfterMs),
    last_request_s: history.lastRequestMs === -Infinity ? null : seconds(now - history.lastRequestMs),
    watched_s: seconds(watchedMs),
    peak: {
      ago_s: seconds(now - peak.untilMs),
      demand_slots: rounded(peak.demandSlots),
      waiting_slots: rounded(peak.waitingSlots),
    },
    ...{ min, max, target, clear_s: seconds(clearMs), start_s: seconds(startMs), window_s: seconds(windowMs) },
  };
}

interface Peak {
  readonly untilMs: number;
  readonly demandSlots: number;
  readonly waitingSlots: number;
}

/** The step in which most slots were needed; of equal ones the last. */
function peakOf(steps: readonly DemandStep[], { target, clearMs }: ScaleOptions, usefulAfterMs: number, now: number): Peak {
  let peak: Peak = { untilMs: now, demandSlots: 0, waitingSlots: 0 };
  for (const { running, waitingMs, slots, untilMs } of steps) {
    const servedBeforeMs = Math.max(0, slots - running) * usefulAfterMs;
    const its = { untilMs, demandSlots: running / target, waitingSlots: Math.max(0, waitingMs - servedBeforeMs) / clearMs };
    if (slotsOf(its) >= slotsOf(peak)) peak = its;
  }
  return peak;
}

interface Seen {
  /** Whether the peak is over. */
  readonly isRecent: boolean;
  /** Whether a request came in the window, or is here. */
  readonly isAsked: boolean;
  readonly watchedMs: number;
  readonly present: number;
  readonly perReplica: number | null;
}

function decide(peak: Peak, { isRecent, isAsked, watchedMs, present, perReplica }: Seen, { min, max, windowMs }: ScaleOptions) {
  const reasons: ScaleReason[] = [];
  // Until a replica says how many slots it has, one is asked for.
  const needed = perReplica === null ? Math.min(1, slotsOf(peak)) : slotsOf(peak) / perReplica;
  let replicas = upTo(needed);
  if (peak.demandSlots > 0) reasons.push("demand");
  if (peak.waitingSlots > 0) reasons.push("waiting");
  if (replicas > 0 && isRecent) reasons.push("recent");
  const change = (to: number, reason: ScaleReason) => {
    if (to === replicas) return;
    replicas = to;
    reasons.push(reason);
  };
  change(clamp(present, upTo(needed / (1 + TOLERANCE)), replicas), "tolerance");
  if (isAsked) change(Math.max(1, replicas), "request");
  if (watchedMs < windowMs) change(Math.max(present, replicas), "unwatched");
  change(Math.max(min, replicas), "min");
  change(Math.min(max, replicas), "max");
  return { replicas, reasons: reasons.length > 0 ? reasons : (["idle"] as const) };
}

/** Whether the replica counts as one that is there, or will be. */
function isComing(replica: Replica): boolean {
  return isReady(replica) || (replica.status === "starting" && !replica.drained);
}

function slotsOf({ demandSlots, waitingSlots }: Peak): number {
  return demandSlots + waitingSlots;
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The least whole number that is no less. Sums of fractions are a little off. */
function upTo(number: number): number {
  return Math.max(0, Math.ceil(number - 1e-9));
}

function seconds(ms: number): number {
  return rounded(ms / 1000);
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
