// What the router learns of an app from what passes by: how long a request of a hint holds a slot, how long its load takes, how often it
// is asked for. Nothing here is told by a replica or configured, but for the first guess of a load. Kept in memory only.
//
// Means forget: each sample counts as one, and once a mean has weight W the older ones fade by 1 - 1/W a sample. A hint's mean is shrunk
// by a few samples' worth to that of its family, and that to what hints are like when they are new (empirical Bayes; Efron and Morris,
// 1977), so one odd request decides little. That is not the mean of all requests: hints asked for often are often the quick ones.
// The share of busy slots and the longest backlog fade with time.
import { LIMITS } from "./limits.ts";
import { TUNING } from "./tuning.ts";

/** An exponentially forgetting mean: the sum of its samples and their weight. */
interface Mean {
  sum: number;
  weight: number;
}

interface HintEstimate {
  readonly family: string;
  /** Time a warm request holds its slot. */
  readonly service: Mean;
  /** Time to the first answer of a warm request. */
  readonly answer: Mean;
  /** How much later the first answer of a cold request comes. */
  readonly load: Mean;
  /** Requests, fading with every arrival of anything: slowly, and fast. */
  steady: number;
  recent: number;
  /** The count of arrivals at which those two were true. */
  atArrival: number;
}

export interface Estimates {
  /** By hint; the longest not asked for first. Requests without a hint are under the empty one. */
  readonly hints: Map<string, HintEstimate>;
  /** Service times of hints that were new, by family; the longest not served first. */
  readonly families: Map<string, Mean>;
  readonly service: Mean;
  /** The same of hints that were new, and the first answers of those. */
  readonly newService: Mean;
  readonly newAnswer: Mean;
  readonly load: Mean;
  readonly firstLoadMs: number;
  arrivals: number;
  /** The share of slots that are busy, lately; true at a time. */
  busyShare: number;
  busyAtMs: number;
  /** The longest that all who waited would have taken the fleet, lately; it fades only when another is noted. */
  backlogMs: number;
  backlogAtMs: number;
  /** How well clients' own figures did, and the hint's mean beside them. */
  readonly claims: Claims;
}

/** Squared errors, in the logarithm, of what clients said and of what their hints' means said of the same requests. */
interface Claims {
  readonly claimed: Mean;
  readonly mean: Mean;
  /** The logarithm of real over claimed: clients may count in units of their own. */
  readonly bias: Mean;
}

const empty = (): Mean => ({ sum: 0, weight: 0 });

/** `firstLoadMs` stands for every load until some have been seen. */
export function createEstimates(firstLoadMs: number): Estimates {
  const claims = { claimed: empty(), mean: empty(), bias: empty() };
  return {
    hints: new Map(),
    families: new Map(),
    service: empty(),
    newService: empty(),
    newAnswer: empty(),
    load: empty(),
    firstLoadMs,
    arrivals: 0,
    busyShare: 0,
    busyAtMs: 0,
    backlogMs: 0,
    backlogAtMs: 0,
    claims,
  };
}

/** Expected time that a warm request of the hint holds a slot; 0 until any request has finished. */
export function serviceMs(estimates: Estimates, hint: string): number {
  const its = estimates.hints.get(hint);
  const family = estimates.families.get(its?.family ?? familyOf(hint));
  const prior = shrunk(family, valueOf(estimates.newService, 0), TUNING.familyPrior);
  return shrunk(its?.service, prior, TUNING.servicePrior);
}

/**
 * What a hint has before the sign with which it names something loaded on top: of `sdxl+anime`, `sdxl:v2` and `sdxl` alike `sdxl`. The
 * colon of `https://` is no such sign.
 */
export function familyOf(hint: string): string {
  const end = hint.search(/[+@#]|:(?!\/\/)/);
  return end > 0 ? hint.slice(0, end) : hint;
}

/** Expected time that a warm request of anything holds a slot; 0 until any has finished. */
export function meanServiceMs({ service }: Estimates): number {
  return valueOf(service, 0);
}

/** Expected time that loading the hint adds to a request. */
export function loadMs(estimates: Estimates, hint: string): number {
  return shrunk(estimates.hints.get(hint)?.load, meanLoadMs(estimates), TUNING.loadPrior);
}

/** Expected time of a load of anything. */
export function meanLoadMs({ load, firstLoadMs }: Estimates): number {
  return (load.sum + TUNING.loadPrior * firstLoadMs) / (load.weight + TUNING.loadPrior);
}

/** The chance that the next request to arrive asks for the hint. */
export function demandShare(estimates: Estimates, hint: string): number {
  const its = estimates.hints.get(hint);
  if (its === undefined) return 0;
  const since = estimates.arrivals - its.atArrival;
  const steady = (its.steady * Math.exp(-since / TUNING.steadyArrivals)) / TUNING.steadyArrivals;
  const recent = (its.recent * Math.exp(-since / TUNING.recentArrivals)) / TUNING.recentArrivals;
  return (1 - TUNING.recentShare) * steady + TUNING.recentShare * recent;
}

/** What a request is expected to take, from its hint's mean and, as far as such claims have come true, from what its client says. */
export function expectedMs(estimates: Estimates, hint: string, claimedMs: number | null): number {
  const mean = serviceMs(estimates, hint);
  if (claimedMs === null || mean === 0) return mean;
  const { claimed, mean: byMean, bias } = estimates.claims;
  if (claimed.weight < TUNING.claimPrior) return mean;
  const [claimError, meanError] = [claimed.sum + 1e-9, byMean.sum + 1e-9];
  // Weights in inverse proportion to squared errors, as for any two measurements of one thing.
  const trust = meanError / (claimError + meanError);
  const said = clamp(Math.log(claimedMs) + valueOf(bias, 0), Math.log(mean / TUNING.outlier), Math.log(mean * TUNING.outlier));
  return Math.exp(trust * said + (1 - trust) * Math.log(mean));
}

/** A turn: the mean time of serving a request and of a load, together; the unit of everything that should not depend on the app's scale. */
export function turnOf(estimates: Estimates): number {
  return Math.max(1, meanServiceMs(estimates) + meanLoadMs(estimates));
}

/** So many of the slots were busy since the last call. */
export function noteBusy(estimates: Estimates, share: number, now: number): void {
  const fade = fadeSince(estimates, estimates.busyAtMs, TUNING.busyTurns, now);
  estimates.busyShare = fade * estimates.busyShare + (1 - fade) * Math.min(1, share);
  estimates.busyAtMs = now;
}

/**
 * All who wait now would take the fleet so long, were they warm. Kept is the longest, which fades: a peak is known for what it is also
 * while it drains. O(1).
 */
export function noteBacklog(estimates: Estimates, backlogMs: number, now: number): void {
  estimates.backlogMs = Math.max(
    backlogMs,
    fadeSince(estimates, estimates.backlogAtMs, TUNING.backlogTurns, now) * estimates.backlogMs,
  );
  estimates.backlogAtMs = now;
}

function fadeSince(estimates: Estimates, sinceMs: number, turns: number, now: number): number {
  return Math.exp(-Math.max(0, now - sinceMs) / (turns * turnOf(estimates)));
}

/** A request for the hint has arrived. Forgets the hint longest not asked for when there are too many. */
export function countArrival(estimates: Estimates, hint: string): void {
  estimates.arrivals++;
  const its = estimates.hints.get(hint);
  if (its === undefined) {
    const fresh = {
      family: familyOf(hint),
      service: empty(),
      answer: empty(),
      load: empty(),
      steady: 1,
      recent: 1,
      atArrival: estimates.arrivals,
    };
    estimates.hints.set(hint, fresh);
    const [oldest] = estimates.hints.keys();
    if (estimates.hints.size > LIMITS.learnedHints && oldest !== undefined) estimates.hints.delete(oldest);
    return;
  }
  const since = estimates.arrivals - its.atArrival;
  its.steady = its.steady * Math.exp(-since / TUNING.steadyArrivals) + 1;
  its.recent = its.recent * Math.exp(-since / TUNING.recentArrivals) + 1;
  its.atArrival = estimates.arrivals;
  estimates.hints.delete(hint);
  estimates.hints.set(hint, its);
}

/** A request that found the hint warm was answered and is over. */
export function learnService(estimates: Estimates, hint: string, heldMs: number, claimedMs: number | null): void {
  const its = estimates.hints.get(hint)?.service;
  const expected = serviceMs(estimates, hint);
  if (claimedMs !== null && expected > 0 && heldMs > 0) learnClaim(estimates.claims, heldMs, claimedMs, expected);
  const sample = expected === 0 ? heldMs : clamp(heldMs, expected / TUNING.outlier, expected * TUNING.outlier);
  add(estimates.service, sample, TUNING.fleetMemory);
  if (its === undefined || its.weight < TUNING.newSamples) add(estimates.newService, sample, TUNING.fleetMemory);
  if (its === undefined || its.weight < TUNING.newSamples) learnFamily(estimates.families, familyOf(hint), sample);
  if (its !== undefined) add(its, sample, TUNING.hintMemory);
}

function learnFamily(families: Map<string, Mean>, family: string, sample: number): void {
  const its = families.get(family) ?? empty();
  add(its, sample, TUNING.familyMemory);
  families.delete(family);
  families.set(family, its);
  const [oldest] = families.keys();
  if (families.size > LIMITS.learnedHints && oldest !== undefined) families.delete(oldest);
}

/** A request that found the hint warm had its first answer. */
export function learnAnswer(estimates: Estimates, hint: string, afterMs: number): void {
  const its = estimates.hints.get(hint)?.answer;
  const expected = answerMs(estimates, hint);
  const sample = expected === 0 ? afterMs : clamp(afterMs, expected / TUNING.outlier, expected * TUNING.outlier);
  if (its === undefined || its.weight < TUNING.newSamples) add(estimates.newAnswer, sample, TUNING.fleetMemory);
  if (its !== undefined) add(its, sample, TUNING.hintMemory);
}

/** A request that had to load the hint had its first answer. Teaches nothing before any warm one was answered. */
export function learnLoad(estimates: Estimates, hint: string, afterMs: number): void {
  if (estimates.newAnswer.weight === 0) return;
  const extra = clamp(afterMs - answerMs(estimates, hint), 0, TUNING.outlier * meanLoadMs(estimates));
  const its = estimates.hints.get(hint)?.load;
  add(estimates.load, extra, TUNING.fleetMemory);
  if (its !== undefined) add(its, extra, TUNING.hintMemory);
}

function answerMs(estimates: Estimates, hint: string): number {
  return shrunk(estimates.hints.get(hint)?.answer, valueOf(estimates.newAnswer, 0), TUNING.servicePrior);
}

function learnClaim(claims: Claims, heldMs: number, claimedMs: number, expected: number): void {
  const real = Math.log(heldMs);
  const off = real - Math.log(claimedMs);
  add(claims.claimed, (off - valueOf(claims.bias, 0)) ** 2, TUNING.fleetMemory);
  add(claims.mean, (real - Math.log(expected)) ** 2, TUNING.fleetMemory);
  add(claims.bias, clamp(off, -TUNING.outlier, TUNING.outlier), TUNING.fleetMemory);
}

function add(mean: Mean, sample: number, memory: number): void {
  if (mean.weight >= memory) {
    mean.sum *= 1 - 1 / memory;
    mean.weight *= 1 - 1 / memory;
  }
  mean.sum += sample;
  mean.weight++;
}

function valueOf({ sum, weight }: Mean, none: number): number {
  return weight === 0 ? none : sum / weight;
}

function shrunk(mean: Mean | undefined, prior: number, samples: number): number {
  return mean === undefined ? prior : (mean.sum + samples * prior) / (mean.weight + samples);
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(max, Math.max(min, value));
}
