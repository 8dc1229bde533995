// When the replicas that hold a hint are expected to be free, and so when each request in line for the hint would start.
import { isReady, loadOf, type Grant, type Replica } from "../ledger/replica.ts";
import { LIMITS } from "../limits.ts";
import { serviceMs } from "../model/model.ts";
import { TUNING } from "../tuning.ts";
import { isServing, type Eligible } from "./candidates.ts";
import type { View } from "./policy.ts";

/** The slots of the replicas that hold a hint, as they are expected to become free. */
export interface Forecast {
  /** Times from now; at most `slotsForecast`. */
  readonly ends: number[];
  /** How many such slots there are for each one in `ends`, at least 1. */
  readonly more: number;
  readonly serviceMs: number;
}

/** For the first of these hints that any eligible replica holds; null: none is held. O(slots), bounded. */
export function forecast(view: View, hints: readonly string[], eligible: Eligible, now: number): Forecast | null {
  for (const hint of hints) {
    const its = forecastOf(view, hint, eligible, now);
    if (its !== null) return its;
  }
  return null;
}

function forecastOf(view: View, hint: string, eligible: Eligible, now: number): Forecast | null {
  const service = serviceMs(view.model, hint);
  const ends: number[] = [];
  let [seen, slots] = [0, 0];
  const { holders } = view.fleet;
  for (const replica of holders.of(hint)) {
    if (ends.length >= LIMITS.slotsForecast) break;
    seen++;
    if (!isReady(replica) || !isServing(view.fleet, replica, hint, now) || !eligible(replica)) continue;
    slots += loadOf(replica);
    // Of before a restart; when these requests began is not known.
    for (let request = 0; request < replica.unadopted && ends.length < LIMITS.slotsForecast; request++) ends.push(service);
    // When isolates sent theirs is not known either, but not all at once: they end one after the other.
    for (let request = 1; request <= replica.direct && ends.length < LIMITS.slotsForecast; request++) {
      ends.push((service * request) / (replica.direct + 1));
    }
    for (const grant of replica.grants.values()) {
      if (ends.length >= LIMITS.slotsForecast) break;
      ends.push(remainingMs(grant, now));
    }
  }
  return ends.length === 0 ? null : { ends, more: ((slots / ends.length) * holders.count(hint)) / seen, serviceMs: service };
}

/**
 * When the next request in line for the hint would start, from now. Called once for each of them in turn, the function does list scheduling: each
 * request goes to the slot that is free first, and the next one is behind it.
 */
export function nextStartMs({ ends, more, serviceMs: service }: Forecast): number {
  let first = 0;
  for (let slot = 1; slot < ends.length; slot++) if ((ends[slot] ?? 0) < (ends[first] ?? 0)) first = slot;
  const start = ends[first] ?? 0;
  ends[first] = start + service / more;
  return start;
}

/** When a full replica is expected to have a free slot, from now; 0 if nothing is known to run there. O(grants), bounded. */
export function freeInMs(replica: Replica, now: number): number {
  let least = Infinity;
  let looked = 0;
  for (const grant of replica.grants.values()) {
    if (++looked > LIMITS.slotsForecast) break;
    least = Math.min(least, remainingMs(grant, now));
  }
  return least === Infinity ? 0 : least;
}

/** When, from now on, the request is expected to be over. A request that outlives what was expected runs for a part of the time that it ran. */
export function remainingMs({ expectedMs, grantedAtMs }: Grant, now: number): number {
  const ranMs = now - grantedAtMs;
  return Math.max(expectedMs - ranMs, TUNING.overrun * ranMs);
}
