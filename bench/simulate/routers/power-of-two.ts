// The better of two random replicas: the one with fewer outstanding requests. Mitzenmacher, "The power of two choices in randomized load
// balancing", IEEE TPDS 12(10), 2001.
import type { MakeRouter } from "../router.ts";
import { bindingEarly, cheapest, twoOf } from "./fleet-view.ts";

export const powerOfTwo: MakeRouter = (actions, options) =>
  bindingEarly(actions, options, (_hint, nowMs, fleet) =>
    cheapest(twoOf(fleet.live(nowMs), options.random), ({ outstanding }) => outstanding),
  );
