// The inputs of a run: kinds by their shares, everything drawn from one seed.
import { seedFor } from "../../bench/simulate/random.ts";
import { bodyInput } from "./body-inputs.ts";
import { Draw } from "./draw.ts";
import { handshakeInput } from "./handshake-inputs.ts";
import { headerInput } from "./header-inputs.ts";
import { heartbeatInput } from "./heartbeat-inputs.ts";
import { hintInput } from "./hint-inputs.ts";
import type { Generator, Input, Kind } from "./input.ts";
import { methodInput } from "./method-inputs.ts";
import { bytesInput, mutatedInput } from "./raw-inputs.ts";
import { targetInput } from "./target-inputs.ts";

/** Percent of the inputs. What is left, 5, are settings. */
const SHARES: readonly (readonly [Exclude<Kind, "setting">, number, Generator])[] = [
  ["heartbeat", 23, heartbeatInput],
  ["hint", 10, hintInput],
  ["body", 7, bodyInput],
  ["header", 15, headerInput],
  ["target", 13, targetInput],
  ["method", 5, methodInput],
  ["handshake", 4, handshakeInput],
  ["mutated", 12, mutatedInput],
  ["bytes", 6, bytesInput],
];

/** The input of this number, the same for the same seed; null: settings are due. */
export function inputOf(seed: number, number: number): Input | null {
  const draw = drawOf(seed, `input ${number}`);
  let roll = draw.int(1, 100);
  for (const [, share, generate] of SHARES) {
    if (roll <= share) return generate(draw, number);
    roll -= share;
  }
  return null;
}

export function drawOf(seed: number, name: string): Draw {
  return new Draw(seedFor(seed, name));
}
