// What clients say that a request costs, believed only as far as such claims have come true.
import { addSample, clamp, emptyMean, valueOf, type Mean } from "./mean.ts";
import { TUNING } from "../policy/tuning.ts";

/** Squared errors, in the logarithm, of what clients said and of what their hints' means said of the same requests. */
export interface Claims {
  readonly claimed: Mean;
  readonly mean: Mean;
  /** The logarithm of real over claimed: clients may count in units of their own. */
  readonly bias: Mean;
}

export function createClaims(): Claims {
  return { claimed: emptyMean(), mean: emptyMean(), bias: emptyMean() };
}

/** What a request is expected to take whose hint's mean is this, and whose client says that; 0 where no mean is known. */
export function weighClaim({ claimed, mean: byMean, bias }: Claims, mean: number, claimedMs: number | null): number {
  if (claimedMs === null || mean === 0 || claimed.weight < TUNING.claimPrior) return mean;
  const [claimError, meanError] = [claimed.sum + 1e-9, byMean.sum + 1e-9];
  // Weights in inverse proportion to squared errors, as for any two measurements of one thing.
  const trust = meanError / (claimError + meanError);
  const said = clamp(Math.log(claimedMs) + valueOf(bias, 0), Math.log(mean / TUNING.outlier), Math.log(mean * TUNING.outlier));
  return Math.exp(trust * said + (1 - trust) * Math.log(mean));
}

/** A warm request of which a client had said so much, and of whose hint so much was expected, held its slot for so long. */
export function learnClaim(claims: Claims, heldMs: number, claimedMs: number, expectedMs: number): void {
  const real = Math.log(heldMs);
  const off = real - Math.log(claimedMs);
  addSample(claims.claimed, (off - valueOf(claims.bias, 0)) ** 2, TUNING.fleetMemory);
  addSample(claims.mean, (real - Math.log(expectedMs)) ** 2, TUNING.fleetMemory);
  addSample(claims.bias, clamp(off, -TUNING.outlier, TUNING.outlier), TUNING.fleetMemory);
}
