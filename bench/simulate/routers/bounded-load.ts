// Consistent hashing with bounded loads: the first replica in the hint's order below the cap. Mirrokni, Thorup and Zadimoghaddam,
// "Consistent hashing with bounded loads", SODA 2018: no replica has more than ceil(factor * requests / replicas), the new one counted.
// As in KubeAI (internal/loadbalancer/balance_chwbl.go, factor 1.25) and Envoy (hash_balance_factor, 1.25 to 1.5 advised), but down the
// rendezvous order rather than round a ring, so that spilling spreads over all replicas; KubeAI rounds the cap down.
import type { MakeRouter } from "../router.ts";
import { bindingEarly } from "./fleet-view.ts";

export function boundedLoad(factor: number): MakeRouter {
  return (actions, options) =>
    bindingEarly(actions, options, (hint, nowMs, fleet) => {
      const order = fleet.liveInOrder(hint, nowMs);
      let total = 1;
      for (const { outstanding } of order) total += outstanding;
      const cap = Math.ceil((factor * total) / order.length);
      // One is always below: the cap times the replicas is at least the total, of which one is the new request.
      return order.find(({ outstanding }) => outstanding < cap);
    });
}
