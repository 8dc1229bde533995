// What a fleet's hints are to a client that takes them for models: how many replicas hold each, and how many load it.
import type { Fleet } from "../routing/ledger/fleet.ts";
import { holdsHint, isReady, isWarm } from "../routing/ledger/replica.ts";
import { LIMITS } from "../routing/limits.ts";

export interface ListedModel {
  readonly hint: string;
  /** Ready replicas that hold it, and that load it. Both are 0 if replicas alone know it that start or drain. */
  readonly replicas: number;
  readonly loading: number;
}

interface Model {
  /** Whether any replica holds or loads it. */
  readonly isKnown: boolean;
  readonly model: ListedModel;
}

export interface ModelList {
  /** By name. */
  readonly models: readonly ListedModel[];
  /** There are more than one list has. */
  readonly truncated: boolean;
}

/** Every hint that a replica of the fleet holds or loads, at most `modelsListed`. O(hints of all replicas). */
export function modelsOf({ holders }: Pick<Fleet, "holders">, now: number): ModelList {
  const models: ListedModel[] = [];
  let truncated = false;
  for (const hint of holders.hints()) {
    const { isKnown, model } = modelOf({ holders }, hint, now);
    if (!isKnown) continue;
    truncated = models.length === LIMITS.modelsListed;
    if (truncated) break;
    models.push(model);
  }
  return { models: models.sort((a, b) => (a.hint < b.hint ? -1 : 1)), truncated };
}

/** One hint. O(its holders). */
export function modelOf({ holders }: Pick<Fleet, "holders">, hint: string, now: number): Model {
  let [isKnown, replicas, loading] = [false, 0, 0];
  for (const replica of holders.of(hint)) {
    const holds = holdsHint(replica, hint);
    if (!holds && !isWarm(replica, hint, now)) continue;
    isKnown = true;
    if (!isReady(replica)) continue;
    if (holds) replicas++;
    else loading++;
  }
  return { isKnown, model: { hint, replicas, loading } };
}
