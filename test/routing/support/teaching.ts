// What a model learns of requests that were served somewhere, whatever a decision would have been.
import { Replica, type Grant } from "../../../src/routing/ledger/replica.ts";
import { UNSAID } from "../../../src/routing/ledger/slots.ts";
import { countArrival, learnAnswer, learnHeld, type Model } from "../../../src/routing/model/model.ts";

/** A request that was sent at time 0, and found the hint warm unless told otherwise. */
export function grantFor(hint: string, rest: Partial<Grant> = {}): Grant {
  return {
    ...UNSAID,
    ...{ id: 1, replica: new Replica("teacher", 1), hint, warmth: "warm", grantedAtMs: 0, succeeded: true, ...rest },
  };
}

/** So many warm requests for the hint each held their slot for so long. */
export function teach(model: Model, hint: string, heldMs: number, times = 5, declaredMs: number | null = null): void {
  for (let time = 0; time < times; time++) {
    countArrival(model, hint);
    learnAnswer(model, grantFor(hint), 1);
    learnHeld(model, grantFor(hint, { declaredMs }), heldMs);
  }
}
