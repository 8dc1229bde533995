// Early binding with affinity: the replica that holds the hint and has the fewest outstanding, as long as that is at most `slack` more
// than the shortest queue has; else the shortest queue. Ties go by the hint's hash order. The "warm first, at most one deeper" of our own
// study ("warm, slack 1"), and in kind the rule of affinity routers that bind at once and limit how uneven the load may get.
import type { MakeRouter } from "../router.ts";
import { bindingEarly, cheapest, holds, type ReplicaView } from "./fleet-view.ts";

const SLACK = 1;
const depth = ({ outstanding }: ReplicaView) => outstanding;

export const residentFirst: MakeRouter = (actions, options) =>
  bindingEarly(actions, options, (hint, nowMs, fleet) => {
    const order = fleet.liveInOrder(hint, nowMs);
    const shortest = cheapest(order, depth);
    const holder = cheapest(
      order.filter((replica) => holds(replica, hint)),
      depth,
    );
    if (shortest === undefined || holder === undefined) return shortest;
    return holder.outstanding <= shortest.outstanding + SLACK ? holder : shortest;
  });
