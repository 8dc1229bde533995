// Plain consistent hashing: always the hint's owner, however long its queue. Thaler and Ravishankar, "Using name-based mappings to
// increase hit rates", IEEE/ACM ToN 6(1), 1998.
import type { MakeRouter } from "../router.ts";
import { bindingEarly } from "./fleet-view.ts";

export const rendezvous: MakeRouter = (actions, options) =>
  bindingEarly(actions, options, (hint, nowMs, fleet) => fleet.liveInOrder(hint, nowMs)[0]);
