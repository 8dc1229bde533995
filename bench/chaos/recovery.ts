// How long after a fault the router served again what it befell.
import { FAULTS, type FaultKind, type Injected } from "./faults.ts";
import type { Case, Facts } from "./check/facts.ts";

/** The longest for each kind, ms; only kinds after which something was served. */
export function recoveries(facts: Facts): ReadonlyMap<FaultKind, number> {
  const longest = new Map<FaultKind, number>();
  const complete = facts.cases.filter(({ outcome }) => outcome === "complete").sort((a, b) => a.endedMs - b.endedMs);
  for (const injected of facts.history.injected) {
    const { kind } = injected.fault;
    const tookMs = recoveryMs(injected, complete);
    if (tookMs !== null) longest.set(kind, Math.max(longest.get(kind) ?? 0, tookMs));
  }
  return new Map([...longest].sort(([, a], [, b]) => b - a));
}

/** From the fault's end to the end of the first request that was sent after it and served by what it befell. */
function recoveryMs({ fault, endedMs }: Injected, complete: readonly Case[]): number | null {
  if (endedMs === null || fault.kind === "burst") return null;
  const { target } = FAULTS[fault.kind];
  const first = complete.find(
    ({ sentMs, sending, came }) =>
      sentMs >= endedMs &&
      (fault.app === "" || sending.asked.app === fault.app) &&
      (target !== "replica" || came?.headers["x-fal-served-from"] === fault.replica),
  );
  return first === undefined ? null : first.endedMs - endedMs;
}
