// Fleets that know how long requests take, and requests that run there.
import { countArrival, learnAnswer, learnService } from "../../../src/routing/model/estimates.ts";
import type { Fleet } from "../../../src/routing/ledger/fleet.ts";
import { nextStartMs, type foresee, type WaitingFor } from "../../../src/routing/policy/availability-forecast.ts";
import { takeSlot } from "../../../src/routing/ledger/slots.ts";
import { fleetWith, known, type Said } from "./fleets.ts";

export const SERVING_MS = 10_000;
export const anywhere = () => true;
/** Nobody waits, for no hint. */
export const NOBODY: WaitingFor = new Map();

/** A fleet in which requests of x and y are known to take 10 s. */
export function taught(replicas: Readonly<Record<string, Said>>): Fleet {
  const fleet = fleetWith(replicas);
  for (const hint of ["x", "y"]) {
    countArrival(fleet.estimates, hint);
    learnAnswer(fleet.estimates, hint, 1);
    learnService(fleet.estimates, hint, SERVING_MS, null);
  }
  return fleet;
}

let lastId = 0;
export const runs = (fleet: Fleet, id: string, hint: string, now: number) =>
  takeSlot(fleet, ++lastId, { replica: known(fleet, id), hint, warm: true }, now);

/** Starts of so many requests in line. */
export const starts = (foresight: ReturnType<typeof foresee>, count: number) =>
  foresight === null ? "nobody holds it" : Array.from({ length: count }, () => nextStartMs(foresight));
