// How fast each replica is beside the others of its fleet, because their cards differ. The pace is learned from warm requests that went well: the
// mean of the logarithm, to base 2, of the time that a request took over the time expected of it.
import type { Replica } from "../ledger/replica.ts";
import { TUNING } from "../tuning.ts";
import { addSample, clamp, shrunk } from "./mean.ts";

/**
 * How many times as long a request takes on the replica as on the average one, between 1/8 and 8. The pace goes in steps of √2, so that replicas that
 * differ by chance have the same. 1 until much is known. O(1).
 */
export function paceOf({ pace }: Replica): number {
  return 2 ** (Math.round(2 * shrunk(pace, 0, TUNING.recentMemory)) / 2);
}

/** A warm request went well. `expectedMs`: how long it was expected to take on the average replica. */
export function learnPace({ pace }: Replica, heldMs: number, expectedMs: number): void {
  if (heldMs > 0 && expectedMs > 0) addSample(pace, clamp(Math.log2(heldMs / expectedMs), -3, 3), TUNING.fleetMemory);
}
