// Each replica in turn, dead ones passed over: the usual default of proxies, and fal's without hints (documentation, "round-robin").
import type { MakeRouter } from "../router.ts";
import { bindingEarly } from "./fleet-view.ts";

export const roundRobin: MakeRouter = (actions, options) => {
  let last = -1;
  return bindingEarly(actions, options, (_hint, nowMs, fleet) => {
    const live = fleet.live(nowMs);
    const next = live.find(({ index }) => index > last) ?? live[0];
    last = next?.index ?? last;
    return next;
  });
};
