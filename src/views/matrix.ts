// Who holds what: the hints that matter most, and the replicas that hold or load them.
import type { Fleet } from "../routing/ledger/fleet.ts";
import { hintsOf, holdsHint, usedAtMs, type Replica } from "../routing/ledger/replica.ts";
import { LIMITS } from "../routing/limits.ts";
import { lateDemand } from "../routing/model/model.ts";
import type { Scheduler } from "../routing/scheduler.ts";
import { firstOf } from "./first-of.ts";
import { round } from "./round.ts";

export interface HintView {
  readonly hint: string;
  /** Replicas that hold it, and others that are loading it. */
  readonly holders: number;
  readonly loading: number;
  /** The share of late requests that asked for it first, 0 to 1. */
  readonly asked_share: number;
}

/** The hint's place in `hints`; 0 if the replica holds it, 1 if it is loading; how long ago a request last used it there, null if that is not known. */
export type Cell = readonly [hintIndex: number, state: 0 | 1, usedAgoS: number | null];

export interface MatrixView {
  /** Most asked for first, then most held, then by name; at most 200. */
  readonly hints: readonly HintView[];
  /** All hints that are held, loading or were asked for lately. */
  readonly hints_total: number;
  /** By name, at most 1,000; the cells of each in the order of `hints`. */
  readonly replicas: readonly { readonly replica: string; readonly cells: readonly Cell[] }[];
  readonly replicas_total: number;
}

interface Asked {
  readonly hint: string;
  readonly share: number;
  /** Replicas that hold or load it. */
  readonly copies: number;
}

/** `most`: how many hints to show. O(replicas + learned hints), and O(held hints) if fewer than `most` were asked for lately. */
export function viewMatrix({ fleet, model }: Pick<Scheduler, "fleet" | "model">, most: number, now: number): MatrixView {
  const { holders, replicas } = fleet;
  const late = [...lateDemand(model)].map(([hint, share]): Asked => ({ hint, share, copies: holders.count(hint) }));
  const shown = firstOf(late.length < most ? [...late, ...notAsked(fleet, late)] : late, most, byNeed);
  const places = new Map(shown.map(({ hint }, place) => [hint, place]));
  const loads = loadsOf(fleet, now);
  return {
    hints: shown.map(({ hint, share, copies }) => {
      const { running = 0, stale = 0 } = loads.get(hint) ?? {};
      return { hint, holders: copies - running - stale, loading: running, asked_share: Math.round(share * 1e6) / 1e6 };
    }),
    hints_total: holders.size + late.filter(({ copies }) => copies === 0).length,
    replicas: firstOf(replicas.values(), LIMITS.replicasShown, (one, other) => byText(one.id, other.id)).map((replica) => ({
      replica: replica.id,
      cells: cellsOf(replica, places, now),
    })),
    replicas_total: replicas.size,
  };
}

function* notAsked({ holders }: Fleet, late: readonly Asked[]): Generator<Asked> {
  const asked = new Set(late.map(({ hint }) => hint));
  for (const hint of holders.hints()) if (!asked.has(hint)) yield { hint, share: 0, copies: holders.count(hint) };
}

/** By hint: the loads of replicas that do not hold it. `stale`: believed for too long, which the index of holders does not know yet. O(replicas). */
function loadsOf({ replicas }: Fleet, now: number): ReadonlyMap<string, { readonly running: number; readonly stale: number }> {
  const loads = new Map<string, { running: number; stale: number }>();
  for (const replica of replicas.values()) {
    if (replica.loading.size === 0) continue;
    for (const [hint, { untilMs }] of replica.loading) {
      if (holdsHint(replica, hint)) continue;
      const its = loads.get(hint) ?? { running: 0, stale: 0 };
      its[untilMs > now ? "running" : "stale"]++;
      loads.set(hint, its);
    }
  }
  return loads;
}

function cellsOf(replica: Replica, places: ReadonlyMap<string, number>, now: number): Cell[] {
  const cells: Cell[] = [];
  for (const hint of hintsOf(replica)) {
    const place = places.get(hint);
    if (place === undefined) continue;
    const isHeld = holdsHint(replica, hint);
    if (!isHeld && (replica.loading.get(hint)?.untilMs ?? 0) <= now) continue;
    const usedMs = usedAtMs(replica, hint);
    cells.push([place, isHeld ? 0 : 1, usedMs === -Infinity ? null : round(Math.max(0, now - usedMs) / 1000)]);
  }
  return cells.sort(([one], [other]) => one - other);
}

function byNeed(one: Asked, other: Asked): number {
  return other.share - one.share || other.copies - one.copies || byText(one.hint, other.hint);
}

function byText(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}
