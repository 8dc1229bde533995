// A replica that advertises the hint and has a free slot, else the first with a free slot in the hint's hash order, else the hint's
// owner. The simplest thing to build from advertised hints; like fal's documented rule, but with a home for what is cold or waits.
import type { MakeRouter } from "../router.ts";
import { bindingEarly, isFree } from "./fleet-view.ts";

export const warmThenHash: MakeRouter = (actions, options) =>
  bindingEarly(actions, options, (hint, nowMs, fleet) => {
    const order = fleet.liveInOrder(hint, nowMs);
    const free = order.filter(isFree);
    return free.find(({ hints }) => hints.has(hint)) ?? free[0] ?? order[0];
  });
