// What clients say that a request costs, believed only as far as such costs have come true.
import { addSample, clamp, emptyMean, valueOf, type Mean } from "./mean.ts";
import { LIMITS } from "../limits.ts";
import { TUNING } from "../tuning.ts";

/** Squared errors, in the logarithm, of what clients said and of what their hints' means said of the same requests. */
export interface DeclaredCosts {
  readonly declared: Mean;
  readonly mean: Mean;
  /** The logarithm of real over declared: clients may count in units of their own. */
  readonly bias: Mean;
}

export function createDeclaredCosts(): DeclaredCosts {
  return { declared: emptyMean(), mean: emptyMean(), bias: emptyMean() };
}

/** What a request is expected to take whose hint's mean is this, and whose client says that; 0 where no mean is known. */
export function weighDeclared({ declared, mean: byMean, bias }: DeclaredCosts, mean: number, declaredMs: number | null): number {
  if (declaredMs === null || mean === 0 || declared.weight < TUNING.hintMemory) return mean;
  const [declaredError, meanError] = [declared.sum + 1e-9, byMean.sum + 1e-9];
  // Weights in inverse proportion to squared errors, as for any two measurements of one thing.
  const trust = meanError / (declaredError + meanError);
  const mostOff = Math.log(LIMITS.declaredRange);
  const said = Math.log(mean) + clamp(Math.log(declaredMs) + valueOf(bias, 0) - Math.log(mean), -mostOff, mostOff);
  return Math.exp(trust * said + (1 - trust) * Math.log(mean));
}

/** A warm request of which a client had said so much, and of whose hint so much was expected, held its slot for so long. */
export function learnDeclared(costs: DeclaredCosts, heldMs: number, declaredMs: number, expectedMs: number): void {
  const real = Math.log(heldMs);
  const off = real - Math.log(declaredMs);
  addSample(costs.declared, (off - valueOf(costs.bias, 0)) ** 2, TUNING.fleetMemory);
  addSample(costs.mean, (real - Math.log(expectedMs)) ** 2, TUNING.fleetMemory);
  addSample(costs.bias, off, TUNING.fleetMemory);
}
