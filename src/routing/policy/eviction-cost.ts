// What a replica loses by loading one more hint: what it evicts, and what others miss of it meanwhile. In ms of expected loads.
import { evictedBy, hintsOf, loadOf, mustEvict, type Replica } from "../ledger/replica.ts";
import { demandShare, loadMs, meanLoadMs, meanServiceMs } from "../model/model.ts";
import { chanceFull } from "../model/utilisation.ts";
import { TUNING } from "../tuning.ts";
import type { View } from "./policy.ts";

/**
 * What others would miss of the replica while it serves one more request: all that it holds, if that takes its last slot. By Little's law about as
 * many requests come meanwhile as slots are busy, which is `chanceFull` a slot. What a copy is worth counts `horizon` requests a slot. O(hints).
 */
export function occupationMs(view: View, replica: Replica): number {
  const full = chanceFull(view.model.utilisation);
  if (full === 0 || loadOf(replica) + 1 < replica.concurrency) return 0;
  let worth = 0;
  for (const hint of hintsOf(replica)) worth += worthMs(view, hint);
  return (full / TUNING.horizon) * worth;
}

/** What the replica would lose by one more hint, in expected load time: nothing if it has space, else what `evictedBy` names. O(hints). */
export function evictionMs(view: View, replica: Replica): number {
  if (!mustEvict(replica)) return 0;
  const hint = evictedBy(replica);
  // Everything it holds is in use: the load must wait for one to finish.
  return hint === null ? meanServiceMs(view.model) + meanLoadMs(view.model) : worthMs(view, hint);
}

/** What one copy of the hint is worth: its load time, by the chance that this copy is needed within the horizon. */
export function worthMs(view: View, hint: string): number {
  return loadMs(view.model, hint) * chanceNeeded(view, hint, Math.max(1, copiesOf(view, hint)));
}

/**
 * The chance that within the horizon some request needs one given copy of so many; requests are a Poisson stream. A request for the hint needs the
 * copy if the replicas of all other copies are full and its own is not. If all are full, each is as likely to be free first, so one request in
 * `copies` needs it. An only copy is needed by every request; a spare copy by hardly any while the fleet is hardly busy. O(1).
 */
export function chanceNeeded({ model, fleet }: View, hint: string, copies: number): number {
  const full = chanceFull(model.utilisation);
  const need = full ** (copies - 1) * (1 - full + full / copies);
  return 1 - Math.exp(-TUNING.horizon * fleet.slots * demandShare(model, hint) * need);
}

/** Replicas that hold or load the hint. */
export function copiesOf({ fleet: { holders } }: View, hint: string): number {
  return holders.count(hint);
}
