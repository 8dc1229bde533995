// What the router learns of an app from its requests: how long a request for a hint holds a slot, how long a load of the hint takes, and how often
// the hint is asked for. Only the first guess of a load is configured, and no replica tells any of it. The model is kept in memory only.
//
// A hint's means are shrunk to what new hints are like. The mean of all requests would mislead, because hints that are asked for often are often
// quick. A cold request holds its slot for its load and its service together. The time to its first answer shows how long the load took.
import { setNewest } from "../ledger/maps.ts";
import type { Grant } from "../ledger/replica.ts";
import { LIMITS } from "../limits.ts";
import { TUNING } from "../tuning.ts";
import { DeclaredCosts, learnDeclared, weighDeclared } from "./declared-cost.ts";
import { learnPace, paceOf } from "./pace.ts";
import { addSample, emptyMean, shrunk, valueOf, type Mean } from "./mean.ts";
import { Utilisation } from "./utilisation.ts";

interface HintModel {
  /** Time that a request holds its slot, without its load. */
  readonly service: Mean;
  /** Time until a warm request has its response headers. */
  readonly answer: Mean;
  /** How much later a cold request has its response headers than a warm one. */
  readonly load: Mean;
  /** The number of requests for the hint, fading with every arrival of any request, as of arrival `atArrival`. */
  demand: number;
  atArrival: number;
}

export class Model {
  /** What stands for every load until some have been seen. */
  readonly firstLoadMs: number;
  /** By hint, longest not asked for first. Requests without a hint are under the empty one. */
  readonly hints = new Map<string, HintModel>();
  /** Services of warm requests of all hints. */
  readonly service = emptyMean();
  /** The first sample of each hint: of its service, and of its time to response headers. */
  readonly newService = emptyMean();
  readonly newAnswer = emptyMean();
  readonly load = emptyMean();
  /** Time that a request which went well held its slot, its load included. */
  readonly held = emptyMean();
  arrivals = 0;
  readonly utilisation = new Utilisation();
  readonly declared = new DeclaredCosts();

  constructor(firstLoadMs: number) {
    this.firstLoadMs = firstLoadMs;
  }
}

/** Expected time that a warm request of the hint holds a slot; 0 until any has finished. */
export function serviceMs({ hints, newService }: Model, hint: string): number {
  return shrunk(hints.get(hint)?.service, valueOf(newService, 0), TUNING.prior);
}

/** Expected time that one warm request holds a slot: by the mean of its hint, and by what its client says as far as clients were right before. */
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

/** One job: the mean time to serve a request plus that of a load, at least 1. The unit of all that should not depend on the app's scale. */
export function meanJobMs(model: Model): number {
  return Math.max(1, meanServiceMs(model) + meanLoadMs(model));
}

/** The chance that the next request to arrive asks for the hint. */
export function demandShare(model: Model, hint: string): number {
  const its = model.hints.get(hint);
  return its === undefined ? 0 : demandNow(model, its) / allDemand(model);
}

/** What one request still counts `demandMemory` arrivals later. Less demand is not late. */
const LATE_DEMAND = Math.exp(-1);

/** The hints that were asked for lately, each with its share of all demand. O(learned hints). */
export function* lateDemand(model: Model): Generator<readonly [hint: string, share: number]> {
  const all = allDemand(model);
  for (const [hint, its] of model.hints) {
    const demand = hint === "" ? 0 : demandNow(model, its);
    if (demand > LATE_DEMAND) yield [hint, demand / all];
  }
}

/** The demand for all hints together: the fading count of all arrivals. */
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

/** A request for the hint has arrived, or so many in a row. Gives the number of the last arrival. Forgets the hint longest not asked for if the hints are too many. */
export function countArrival(model: Model, hint: string, requests = 1): number {
  const { hints } = model;
  const arrival = (model.arrivals += requests);
  const its = hints.get(hint) ?? { service: emptyMean(), answer: emptyMean(), load: emptyMean(), demand: 0, atArrival: arrival };
  its.demand = demandNow(model, its) + fadingCount(requests);
  its.atArrival = arrival;
  setNewest(hints, hint, its, LIMITS.learnedHints);
  return arrival;
}

/** Less demand than this counts as none. */
const NO_DEMAND = 1e-6;

/** The arrival of that number was no demand for the hint after all. Forgets the hint if nothing else is known of it. O(1). */
export function uncountArrival({ hints }: Model, hint: string, arrival: number): void {
  const its = hints.get(hint);
  if (its === undefined) return;
  its.demand = Math.max(0, its.demand - Math.exp((arrival - its.atArrival) / TUNING.demandMemory));
  const isUnknown = its.service.weight === 0 && its.answer.weight === 0 && its.load.weight === 0;
  if (isUnknown && its.demand < NO_DEMAND) hints.delete(hint);
}

/**
 * A request has its response headers. A warm request teaches how long that takes. Once a warm request has taught that, a cold one teaches how much
 * longer it takes with a load. Gives how much longer than a warm one the request took.
 */
export function learnAnswer(model: Model, { hint, warmth }: Pick<Grant, "hint" | "warmth">, afterMs: number): number {
  const its = model.hints.get(hint ?? "");
  const expected = shrunk(its?.answer, valueOf(model.newAnswer, 0), TUNING.prior);
  if (warmth === "warm" || warmth === "none") {
    const sample = Math.max(0, afterMs);
    if (isNew(its?.answer)) addSample(model.newAnswer, sample, TUNING.fleetMemory);
    if (its !== undefined) addSample(its.answer, sample, TUNING.hintMemory);
  }
  const later = Math.max(0, afterMs - expected);
  if (warmth !== "cold" || model.newAnswer.weight === 0) return later;
  addSample(model.load, later, TUNING.fleetMemory);
  if (its !== undefined) addSample(its.load, later, TUNING.hintMemory);
  return later;
}

/**
 * A request went well and is over. If it waited for the load of another request, or was granted before a restart, it teaches nothing of its hint. A
 * cold request teaches the time that is left beside the expected load, if any is left.
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

/** Whether the next sample is the first, which says what new hints are like. */
function isNew(its: Mean | undefined): boolean {
  return its === undefined || its.weight === 0;
}
