// Rules on what the router holds: no grant outlives its request, the fleet is whole again after the faults, and every hint then finds its
// replica.
import { APPS, TIMES_MS } from "../settings.ts";
import { outcomeOf } from "./outcomes.ts";
import type { Facts } from "./facts.ts";
import type { Violation } from "./violations.ts";

/** A request that has ended may hold its slot for as long as a cancelled answer takes to be noticed. */
const NOTICED_MS = 2000;
/** While calls to the object fail, a request that reports itself again can be counted twice until it ends. */
const TWICE_MS = 10_000;
const IN_A_ROW = 3;

/** During the run: an app never holds more for long than there are requests. */
export function checkSamples(facts: Facts): Violation[] {
  const violations: Violation[] = [];
  const inARow = new Map<string, number>();
  for (const { app, atMs, inFlight } of facts.history.samples) {
    const open = facts.openAt(app, atMs, NOTICED_MS);
    const span = { fromMs: atMs - TWICE_MS, toMs: atMs };
    const twice = facts.kinds(app, span, "object_throws", "object_overloaded", "object_crashes", "router_killed").length > 0;
    const over = inFlight > (twice ? 2 * open : open);
    const count = over ? (inARow.get(app) ?? 0) + 1 : 0;
    inARow.set(app, count);
    if (count === IN_A_ROW) {
      violations.push({
        rule: "no grant outlives its request",
        key: null,
        atMs,
        what: `${app} holds ${inFlight} slots for ${open} requests`,
      });
    }
  }
  return violations;
}

/** A replica that is silent is removed; a restarted object gives each another time to live. */
export function checkListed(facts: Facts): Violation[] {
  const violations: Violation[] = [];
  for (const { app, atMs, listed } of facts.history.samples) {
    const span = { fromMs: atMs - TIMES_MS.timeToLiveMs - NOTICED_MS, toMs: atMs };
    if (facts.kinds(app, span, "object_crashes", "router_killed", "object_stalls").length > 0) continue;
    for (const replica of listed) {
      if (facts.heardOf(app, replica, span)) continue;
      violations.push({
        rule: "a replica that is silent is removed",
        key: null,
        atMs,
        what: `${app} ${replica} is still listed`,
      });
    }
  }
  return violations;
}

/** After the run. */
export function checkEnd({ history }: Facts): Violation[] {
  const { end } = history;
  const violations: Violation[] = [];
  const found = (rule: string, what: string, key: string | null = null) => violations.push({ rule, key, atMs: null, what });
  for (const { app, waiting, inFlight } of end.held) {
    if (waiting !== 0 || inFlight !== 0)
      found("no grant outlives its request", `in the end ${app} holds ${inFlight} slots and ${waiting} wait`);
  }
  if (end.stillRunning > 0) found("nothing runs on for nobody", `in the end replicas still run ${end.stillRunning}`);
  if (end.wholeMs === null) found("after the faults the fleet is whole", end.missing.join("; "));
  for (const app of APPS)
    if (!end.apps.includes(app)) found("after the faults the fleet is whole", `the Directory does not list ${app}`);
  const touched = new Set<string>();
  for (const { app, hint, sent } of end.touches) {
    const name = `${app} ${hint}`;
    const outcome = outcomeOf(sent.came);
    const reason = sent.came?.headers["x-warmpath-reason"] ?? "none";
    const { key } = sent.sending.asked;
    if (outcome !== "complete") found("after the faults every request succeeds", `${name}: ${outcome}`, key);
    else if (touched.has(name) && reason !== "hint_match") found("a hint asked for again is warm", `${name}: ${reason}`, key);
    touched.add(name);
  }
  if (history.end.touches.length === 0) found("after the faults every request succeeds", "there was no final round");
  return violations;
}
