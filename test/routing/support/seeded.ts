// The parameters of every fast-check property here: one fixed seed, so that a run is the same each time. On a failure fast-check
// prints the seed and the path to the smallest counterexample.
import type { Parameters } from "fast-check";

const SEED = 20_251_117;

export function seeded<T>(numRuns: number): Parameters<T> {
  return { seed: SEED, numRuns };
}
