// What clients declare that a request costs. They are believed only as far as earlier declarations have come true.
import { addSample, clamp, emptyMean, valueOf } from "./mean.ts";
import { LIMITS } from "../limits.ts";
import { TUNING } from "../tuning.ts";

/** Squared errors, in the logarithm, of what clients declared, and of what the means of the hints said of the same requests. */
export class DeclaredCosts {
  readonly declared = emptyMean();
  readonly mean = emptyMean();
  /** The logarithm of real over declared costs: clients may count in units of their own. */
  readonly bias = emptyMean();
}

/**
 * How long a request is expected to take, from the mean of its hint and what its client declares. 0 if no mean is known.
 */
export function weighDeclared({ declared, mean: byMean, bias }: DeclaredCosts, mean: number, declaredMs: number | null): number {
  if (declaredMs === null || mean === 0 || declared.weight < TUNING.hintMemory) return mean;
  const [declaredError, meanError] = [declared.sum + 1e-9, byMean.sum + 1e-9];
  // Weights in inverse proportion to squared errors, as for any two measurements of one thing.
  const trust = meanError / (declaredError + meanError);
  const mostOff = Math.log(LIMITS.declaredRange);
  const said = Math.log(mean) + clamp(Math.log(declaredMs) + valueOf(bias, 0) - Math.log(mean), -mostOff, mostOff);
  return Math.exp(trust * said + (1 - trust) * Math.log(mean));
}

/** A warm request is over. `expectedMs`: what the mean of its hint said. */
export function learnDeclared(costs: DeclaredCosts, heldMs: number, declaredMs: number, expectedMs: number): void {
  const real = Math.log(heldMs);
  const off = real - Math.log(declaredMs);
  addSample(costs.declared, (off - valueOf(costs.bias, 0)) ** 2, TUNING.fleetMemory);
  addSample(costs.mean, (real - Math.log(expectedMs)) ** 2, TUNING.fleetMemory);
  addSample(costs.bias, off, TUNING.fleetMemory);
}
