// How fast each replica is beside the others of its fleet: cards differ. Learned from warm requests that went well, in the logarithm to base 2 of how long
// they took over what was expected of them.
import type { Replica } from "../ledger/replica.ts";
import { TUNING } from "../tuning.ts";
import { addSample, clamp, shrunk } from "./mean.ts";

/**
 * How many times as long as on the fleet's average replica a request takes there, between 1/8 and 8. In steps of √2, so that replicas which differ by
 * chance are equal. 1 until much is known. O(1).
 */
export function paceOf({ pace }: Replica): number {
  return 2 ** (Math.round(2 * shrunk(pace, 0, TUNING.recentMemory)) / 2);
}

/** A warm request went well that took so long and was expected to take so long on the average replica. */
export function learnPace({ pace }: Replica, heldMs: number, expectedMs: number): void {
  if (heldMs > 0 && expectedMs > 0) addSample(pace, clamp(Math.log2(heldMs / expectedMs), -3, 3), TUNING.fleetMemory);
}
