// The replica with the fewest outstanding requests ("join the shortest queue"; Envoy's and nginx's least-request and least_conn with
// every replica compared). Ties go to the replica that was sent the fewest so far, so that an idle fleet is used evenly.
import type { MakeRouter } from "../router.ts";
import { bindingEarly, type ReplicaView } from "./fleet-view.ts";

export const leastLoaded: MakeRouter = (actions, options) =>
  bindingEarly(actions, options, (_hint, nowMs, fleet) => fleet.live(nowMs).sort(byLoad)[0]);

function byLoad(a: ReplicaView, b: ReplicaView): number {
  return a.outstanding - b.outstanding || a.sentSoFar - b.sentSoFar;
}
