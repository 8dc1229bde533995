// What the router learns of an app from what passes by: how long a request of a hint holds a slot, how long its load takes, how often it
// is asked for. Nothing here is told by a replica or configured, but for the first guess of a load. Kept in memory only.
//
// A hint's means (mean.ts) are shrunk to those of its family, and these to what hints are like when they are new. That is not the mean of all
// requests: hints asked for often are often the quick ones. Requests that come close together are alike: one user sends several of a
// kind. So how long the last few took counts beside the hint's longer mean, the more of them there were of late.
//
// A cold request holds its slot for its load and its service together. What is unexpected of it is laid to the one or the other by how far
// loads differ in this fleet, and to a hint's own loads as far as its services are known from warm requests.
import { createClaims, learnClaim, weighClaim, type Claims } from "./declared-cost.ts";
import { LIMITS } from "../limits.ts";
import { addSample, clamp, emptyMean, fadeMean, shrunk, valueOf, type Mean } from "./mean.ts";
import { createPressure, type Pressure } from "./utilisation.ts";
import { TUNING } from "../policy/tuning.ts";

interface HintEstimate {
  readonly family: string;
  /** Time a request holds its slot beside its load. */
  readonly service: Mean;
  /** The same of the last few; it fades with every arrival of anything, as the count of requests does. */
  readonly lately: Mean;
  latelyAtArrival: number;
  /** Time to the first answer of a warm request. */
  readonly answer: Mean;
  /** Time to the first answer of a cold request; how much later that is than of a warm one. */
  readonly coldAnswer: Mean;
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
  /** Squared errors of what was expected of first answers, warm and cold, for hints that are not new. */
  readonly warmError: Mean;
  readonly coldError: Mean;
  arrivals: number;
  readonly pressure: Pressure;
  readonly claims: Claims;
}

/** `firstLoadMs` stands for every load until some have been seen. */
export function createEstimates(firstLoadMs: number): Estimates {
  return {
    hints: new Map(),
    families: new Map(),
    service: emptyMean(),
    newService: emptyMean(),
    newAnswer: emptyMean(),
    load: emptyMean(),
    firstLoadMs,
    warmError: emptyMean(),
    coldError: emptyMean(),
    arrivals: 0,
    pressure: createPressure(),
    claims: createClaims(),
  };
}

/** Expected time that a warm request of the hint holds a slot; 0 until any request has finished. */
export function serviceMs(estimates: Estimates, hint: string): number {
  const its = estimates.hints.get(hint);
  const family = estimates.families.get(its?.family ?? familyOf(hint));
  const prior = shrunk(family, valueOf(estimates.newService, 0), TUNING.familyPrior);
  if (its === undefined) return prior;
  const steady = shrunk(its.service, prior, TUNING.servicePrior);
  const { sum, weight } = its.lately;
  const fade = leftOfLately(estimates, its);
  return (fade * sum + TUNING.latelyPrior * steady) / (fade * weight + TUNING.latelyPrior);
}

/** What is left of the last few services, which fade as arrivals pass. */
function leftOfLately({ arrivals }: Estimates, { latelyAtArrival }: HintEstimate): number {
  return Math.exp((latelyAtArrival - arrivals) / TUNING.latelyArrivals);
}

/** What a request is expected to take, from its hint's mean and, as far as such claims have come true, from what its client says. */
export function expectedMs(estimates: Estimates, hint: string, claimedMs: number | null): number {
  return weighClaim(estimates.claims, serviceMs(estimates, hint), claimedMs);
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

/** A turn: the mean time of serving a request and of a load, together; the unit of everything that should not depend on the app's scale. */
export function turnOf(estimates: Estimates): number {
  return Math.max(1, meanServiceMs(estimates) + meanLoadMs(estimates));
}

/**
 * Expected time that loading the hint adds to a request. Its own loads count as far as they can be told from its services: once it was found
 * warm, or where loads differ more than services do. No load is longer than until the first answer.
 */
export function loadMs(estimates: Estimates, hint: string): number {
  const meanMs = meanLoadMs(estimates);
  const its = estimates.hints.get(hint);
  if (its === undefined) return meanMs;
  const told = Math.max(its.answer.weight / (its.answer.weight + TUNING.toldApart), loadsDiffer(estimates));
  return Math.min(valueOf(its.coldAnswer, Infinity), meanMs + told * (ownLoadMs(estimates, hint) - meanMs));
}

/** The same where all that is odd in the hint's cold answers is laid to its loads. */
export function ownLoadMs(estimates: Estimates, hint: string): number {
  return shrunk(estimates.hints.get(hint)?.load, meanLoadMs(estimates), TUNING.ownLoadPrior);
}

/**
 * Of what is unexpected of a cold answer, the part that is its load's doing, 0 to 1: what warm answers, which are of hints better known, do not
 * account for.
 */
function loadsDiffer({ warmError, coldError }: Estimates): number {
  const error = valueOf(coldError, 0);
  if (warmError.weight < TUNING.newSamples || error === 0) return 0;
  return Math.max(0, 1 - (TUNING.lessKnown * valueOf(warmError, 0)) / error);
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

/**
 * A request for the hint has arrived. Gives the number of the arrival. Forgets the hint longest not asked for when there are too many.
 */
export function countArrival(estimates: Estimates, hint: string): number {
  const arrival = ++estimates.arrivals;
  const its = estimates.hints.get(hint);
  if (its === undefined) {
    const fresh = {
      family: familyOf(hint),
      service: emptyMean(),
      lately: emptyMean(),
      latelyAtArrival: estimates.arrivals,
      answer: emptyMean(),
      coldAnswer: emptyMean(),
      load: emptyMean(),
      steady: 1,
      recent: 1,
      atArrival: estimates.arrivals,
    };
    estimates.hints.set(hint, fresh);
    forgetOldest(estimates.hints);
    return arrival;
  }
  const since = estimates.arrivals - its.atArrival;
  its.steady = its.steady * Math.exp(-since / TUNING.steadyArrivals) + 1;
  its.recent = its.recent * Math.exp(-since / TUNING.recentArrivals) + 1;
  its.atArrival = estimates.arrivals;
  estimates.hints.delete(hint);
  estimates.hints.set(hint, its);
  return arrival;
}

/** What arrived by that number was no demand for the hint after all. Forgets the hint where nothing else is known of it. O(1). */
export function uncountArrival({ hints }: Estimates, hint: string, arrival: number): void {
  const its = hints.get(hint);
  if (its === undefined) return;
  const since = its.atArrival - arrival;
  its.steady = Math.max(0, its.steady - Math.exp(-since / TUNING.steadyArrivals));
  its.recent = Math.max(0, its.recent - Math.exp(-since / TUNING.recentArrivals));
  const isUnknown = its.service.weight === 0 && its.answer.weight === 0 && its.coldAnswer.weight === 0;
  if (isUnknown && its.steady < TUNING.noDemand) hints.delete(hint);
}

/** A request that found the hint warm was answered and is over. */
export function learnService(estimates: Estimates, hint: string, heldMs: number, claimedMs: number | null): void {
  const expected = serviceMs(estimates, hint);
  if (claimedMs !== null && expected > 0 && heldMs > 0) learnClaim(estimates.claims, heldMs, claimedMs, expected);
  const sample = believable(heldMs, expected);
  addSample(estimates.service, sample, TUNING.fleetMemory);
  learnHint(estimates, hint, sample);
}

/**
 * A request that had to load the hint was answered and is over: what it held its slot for beside the load. Of that the first answer tells the
 * more, the more loads differ; where they do not, it is the expected one. Teaches nothing before any warm one was over, of a service that is lost
 * in the load, or where it was over too soon for the load that was expected.
 */
export function learnColdService(estimates: Estimates, hint: string, answeredMs: number, heldMs: number): void {
  const expected = serviceMs(estimates, hint);
  if (expected === 0 || TUNING.outlier * expected < meanLoadMs(estimates)) return;
  const loadingMs = loadMs(estimates, hint);
  const unexpectedMs = extraOf(estimates, hint, answeredMs) - loadingMs;
  const sample = heldMs - loadingMs - loadsDiffer(estimates) * unexpectedMs;
  if (sample >= expected / TUNING.outlier) learnHint(estimates, hint, believable(sample, expected));
}

function learnHint(estimates: Estimates, hint: string, sample: number): void {
  const its = estimates.hints.get(hint);
  if (its === undefined || its.service.weight < TUNING.newSamples) {
    addSample(estimates.newService, sample, TUNING.fleetMemory);
    learnFamily(estimates.families, its?.family ?? familyOf(hint), sample);
  }
  if (its === undefined) return;
  addSample(its.service, sample, TUNING.hintMemory);
  fadeMean(its.lately, leftOfLately(estimates, its));
  its.latelyAtArrival = estimates.arrivals;
  addSample(its.lately, sample, TUNING.hintMemory);
}

/** A clock that goes back makes nothing shorter than nothing. */
function believable(sampleMs: number, expectedMs: number): number {
  const sample = Math.max(0, sampleMs);
  return expectedMs === 0 ? sample : clamp(sample, expectedMs / TUNING.outlier, expectedMs * TUNING.outlier);
}

function learnFamily(families: Map<string, Mean>, family: string, sample: number): void {
  const its = families.get(family) ?? emptyMean();
  addSample(its, sample, TUNING.familyMemory);
  families.delete(family);
  families.set(family, its);
  forgetOldest(families);
}

/** A request that found the hint warm had its first answer. */
export function learnAnswer(estimates: Estimates, hint: string, afterMs: number): void {
  const its = estimates.hints.get(hint)?.answer;
  const expected = answerMs(estimates, hint);
  const sample = believable(afterMs, expected);
  if (its !== undefined) noteError(estimates.warmError, its, sample - expected);
  if (its === undefined || its.weight < TUNING.newSamples) addSample(estimates.newAnswer, sample, TUNING.fleetMemory);
  if (its !== undefined) addSample(its, sample, TUNING.hintMemory);
}

/** A request that had to load the hint had its first answer. Teaches nothing before any warm one was answered. */
export function learnLoad(estimates: Estimates, hint: string, afterMs: number): void {
  if (estimates.newAnswer.weight === 0) return;
  const extra = extraOf(estimates, hint, afterMs);
  const its = estimates.hints.get(hint);
  if (its !== undefined) noteError(estimates.coldError, its.answer, extra - loadMs(estimates, hint));
  addSample(estimates.load, extra, TUNING.fleetMemory);
  if (its === undefined) return;
  addSample(its.load, extra, TUNING.hintMemory);
  addSample(its.coldAnswer, Math.max(0, afterMs), TUNING.hintMemory);
}

/** How much later the first answer came than a warm one was expected to. */
function extraOf(estimates: Estimates, hint: string, afterMs: number): number {
  return clamp(afterMs - answerMs(estimates, hint), 0, TUNING.outlier * meanLoadMs(estimates));
}

/** Of a hint that is new an error says how little is known of it. */
function noteError(error: Mean, answer: Mean, offMs: number): void {
  if (answer.weight >= TUNING.newSamples) addSample(error, offMs ** 2, TUNING.fleetMemory);
}

function answerMs(estimates: Estimates, hint: string): number {
  return shrunk(estimates.hints.get(hint)?.answer, valueOf(estimates.newAnswer, 0), TUNING.servicePrior);
}

/** Only looks for the first where there are too many: much has been taken from the map's front, and it must pass over that. */
function forgetOldest(byName: Map<string, unknown>): void {
  if (byName.size <= LIMITS.learnedHints) return;
  const [oldest] = byName.keys();
  if (oldest !== undefined) byName.delete(oldest);
}
