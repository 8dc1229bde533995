// What the router learns of an app from what passes by: how long a request of a hint holds a slot, how long the hint's load takes, how often the hint is
// asked for. Nothing here is told by a replica or configured, but for the first guess of a load. Kept in memory only. Means are mean.ts's.
//
// A hint's means are shrunk to what hints are like when they are new. That is not the mean of all requests: hints asked for often are often the quick
// ones. A cold request holds its slot for its load and its service together; until its first answer it is taken to load.
import type { Grant } from "../ledger/replica.ts";
import { LIMITS } from "../limits.ts";
import { TUNING } from "../tuning.ts";
import { createDeclaredCosts, learnDeclared, weighDeclared, type DeclaredCosts } from "./declared-cost.ts";
import { learnPace, paceOf } from "./pace.ts";
import { addSample, emptyMean, shrunk, valueOf, type Mean } from "./mean.ts";
import { createUtilisation, type Utilisation } from "./utilisation.ts";

interface HintModel {
  /** Time a request holds its slot beside its load. */
  readonly service: Mean;
  /** Time to the first answer of a warm request. */
  readonly answer: Mean;
  /** How much later a cold request is answered than a warm one would be. */
  readonly load: Mean;
  /** Requests, fading with every arrival of anything; true at that arrival. */
  demand: number;
  atArrival: number;
}

export interface Model {
  /** By hint; the longest not asked for first. Requests without a hint are under the empty one. */
  readonly hints: Map<string, HintModel>;
  readonly service: Mean;
  /** Services and first answers of hints that were new. */
  readonly newService: Mean;
  readonly newAnswer: Mean;
  readonly load: Mean;
  readonly firstLoadMs: number;
  /** Time a slot is held by a request that went well, its load included. */
  readonly held: Mean;
  arrivals: number;
  readonly utilisation: Utilisation;
  readonly declared: DeclaredCosts;
}

/** `firstLoadMs` stands for every load until some have been seen. */
export function createModel(firstLoadMs: number): Model {
  return {
    hints: new Map(),
    service: emptyMean(),
    newService: emptyMean(),
    newAnswer: emptyMean(),
    load: emptyMean(),
    firstLoadMs,
    held: emptyMean(),
    arrivals: 0,
    utilisation: createUtilisation(),
    declared: createDeclaredCosts(),
  };
}

/** Expected time that a warm request of the hint holds a slot; 0 until any has finished. */
export function serviceMs({ hints, newService }: Model, hint: string): number {
  return shrunk(hints.get(hint)?.service, valueOf(newService, 0), TUNING.prior);
}

/** The same of one request: by its hint's mean and, as far as such declarations have come true, by what its client says. */
export function expectedMs(model: Model, hint: string, declaredMs: number | null): number {
  return weighDeclared(model.declared, serviceMs(model, hint), declaredMs);
}

/** Expected time that a warm request of anything holds a slot; 0 until any has finished. */
export function meanServiceMs({ service }: Model): number {
  return valueOf(service, 0);
}

/** Expected time that loading the hint adds to a request. */
export function loadMs(model: Model, hint: string): number {
  return shrunk(model.hints.get(hint)?.load, meanLoadMs(model), TUNING.loadPrior);
}

/** Expected time of a load of anything. */
export function meanLoadMs({ load, firstLoadMs }: Model): number {
  return shrunk(load, firstLoadMs, TUNING.prior);
}

/** The mean time of serving a request and of a load, together: the unit of everything that should not depend on the app's scale. At least 1. */
export function meanJobMs(model: Model): number {
  return Math.max(1, meanServiceMs(model) + meanLoadMs(model));
}

/** The chance that the next request to arrive asks for the hint. */
export function demandShare(model: Model, hint: string): number {
  const its = model.hints.get(hint);
  return its === undefined ? 0 : demandNow(model, its) / allDemand(model);
}

/** That of all hints together, which is less than its memory until there were many arrivals. */
function allDemand({ arrivals }: Model): number {
  return fadingCount(arrivals);
}

/** So many arrivals, each of which makes those before it fade. */
function fadingCount(arrivals: number): number {
  return (1 - Math.exp(-arrivals / TUNING.demandMemory)) / (1 - Math.exp(-1 / TUNING.demandMemory));
}

function demandNow({ arrivals }: Model, { demand, atArrival }: HintModel): number {
  return demand * Math.exp((atArrival - arrivals) / TUNING.demandMemory);
}

/**
 * A request for the hint has arrived, or so many in a row. Gives the number of the last arrival. Forgets the hint longest not asked for if there are too
 * many.
 */
export function countArrival(model: Model, hint: string, requests = 1): number {
  const { hints } = model;
  const arrival = (model.arrivals += requests);
  const its = hints.get(hint) ?? { service: emptyMean(), answer: emptyMean(), load: emptyMean(), demand: 0, atArrival: arrival };
  its.demand = demandNow(model, its) + fadingCount(requests);
  its.atArrival = arrival;
  hints.delete(hint);
  hints.set(hint, its);
  const [oldest] = hints.size > LIMITS.learnedHints ? hints.keys() : [];
  if (oldest !== undefined) hints.delete(oldest);
  return arrival;
}

/** A count of requests below that is none. */
const NO_DEMAND = 1e-6;

/** What arrived by that number was no demand for the hint after all. Forgets the hint if nothing else is known of it. O(1). */
export function uncountArrival({ hints }: Model, hint: string, arrival: number): void {
  const its = hints.get(hint);
  if (its === undefined) return;
  its.demand = Math.max(0, its.demand - Math.exp((arrival - its.atArrival) / TUNING.demandMemory));
  const isUnknown = its.service.weight === 0 && its.answer.weight === 0 && its.load.weight === 0;
  if (isUnknown && its.demand < NO_DEMAND) hints.delete(hint);
}

/**
 * A request had its first answer. A warm one teaches how soon an answer comes; a cold one, how much later that is with a load, once any warm one was
 * answered.
 */
export function learnAnswer(model: Model, { hint, warmth }: Pick<Grant, "hint" | "warmth">, afterMs: number): void {
  const its = model.hints.get(hint ?? "");
  const expected = shrunk(its?.answer, valueOf(model.newAnswer, 0), TUNING.prior);
  if (warmth === "warm" || warmth === "none") {
    const sample = Math.max(0, afterMs);
    if (isNew(its?.answer)) addSample(model.newAnswer, sample, TUNING.fleetMemory);
    if (its !== undefined) addSample(its.answer, sample, TUNING.hintMemory);
  }
  if (warmth !== "cold" || model.newAnswer.weight === 0) return;
  const sample = Math.max(0, afterMs - expected);
  addSample(model.load, sample, TUNING.fleetMemory);
  if (its !== undefined) addSample(its.load, sample, TUNING.hintMemory);
}

/**
 * A request went well and is over. One that waited for another's load, or is from before a restart, teaches nothing of its hint. A cold one teaches what
 * is left beside the load, unless it is over before its load should be.
 */
export function learnHeld(
  model: Model,
  { replica, hint, warmth, declaredMs }: Pick<Grant, "replica" | "hint" | "warmth" | "declaredMs">,
  heldMs: number,
): void {
  const name = hint ?? "";
  addSample(model.held, Math.max(0, heldMs), TUNING.recentMemory);
  const expected = serviceMs(model, name);
  if (warmth === "warm" || warmth === "none") {
    if (declaredMs !== null && expected > 0 && heldMs > 0) learnDeclared(model.declared, heldMs, declaredMs, expected);
    learnPace(replica, heldMs, expected);
    const sample = Math.max(0, heldMs / paceOf(replica));
    addSample(model.service, sample, TUNING.fleetMemory);
    learnService(model, name, sample);
  }
  const beside = heldMs - loadMs(model, name);
  if (warmth === "cold" && expected > 0 && beside > 0) learnService(model, name, beside);
}

function learnService({ hints, newService }: Model, hint: string, sample: number): void {
  const its = hints.get(hint)?.service;
  if (isNew(its)) addSample(newService, sample, TUNING.fleetMemory);
  if (its !== undefined) addSample(its, sample, TUNING.hintMemory);
}

/** Whether the sample will be the first: then it says what new hints are like. */
function isNew(its: Mean | undefined): boolean {
  return its === undefined || its.weight === 0;
}
