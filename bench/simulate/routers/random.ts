// Any replica, all equally likely: what a router does that knows nothing.
import type { MakeRouter } from "../router.ts";
import { bindingEarly } from "./fleet-view.ts";

export const random: MakeRouter = (actions, options) =>
  bindingEarly(actions, options, (_hint, nowMs, fleet) => {
    const live = fleet.live(nowMs);
    return live[Math.floor(options.random() * live.length)];
  });
