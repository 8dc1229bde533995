// Rules on what the router holds and says: no grant outlives its request, the fleet is whole again after the faults, every hint then finds its
// replica, and nothing is logged that chaos does not explain.
import { BOUNDS } from "../../../src/limits.ts";
import { FAULTS } from "../faults.ts";
import { APPS, TIMES_MS } from "../settings.ts";
import { outcomeOf, type Facts, type Violation } from "./facts.ts";

/** A request that has ended may hold its slot for as long as a cancelled answer takes to be noticed; one that the edge has sent by itself for its lease as well. */
const NOTICED_MS = { registry: 2000, edge: 2000 + BOUNDS.leaseMs };
/** While calls to the object fail, a request that reports itself again can be counted twice until it ends. */
const TWICE_MS = 10_000;
const IN_A_ROW = 3;

const OUTLIVES = "no grant outlives its request";
const WHOLE = "after the faults the fleet is whole";
const SUCCEEDS = "after the faults every request succeeds";

/** During the run: an app never holds more for long than there are requests. */
export function checkGrants(facts: Facts): Violation[] {
  const inARow = new Map<string, number>();
  const noticedMs = facts.isWide ? NOTICED_MS.edge : NOTICED_MS.registry;
  return facts.history.samples.flatMap(({ app, atMs, inFlight }) => {
    const open = facts.openAt(app, atMs, noticedMs);
    const span = { fromMs: atMs - TWICE_MS, toMs: atMs };
    const twice = facts.feltOf(app, span, "object_throws", "object_overloaded", "object_crashes", "router_killed");
    const count = inFlight > (twice ? 2 * open : open) ? (inARow.get(app) ?? 0) + 1 : 0;
    inARow.set(app, count);
    if (count !== IN_A_ROW) return [];
    return [{ rule: OUTLIVES, key: null, atMs, what: `${app} holds ${inFlight} slots for ${open} requests` }];
  });
}

/** A replica that is silent is removed. A restarted object gives each replica another time to live. */
export function checkListed(facts: Facts): Violation[] {
  return facts.history.samples.flatMap(({ app, atMs, listed }) => {
    const span = { fromMs: atMs - TIMES_MS.timeToLiveMs - NOTICED_MS.registry, toMs: atMs };
    if (facts.feltOf(app, span, "object_crashes", "router_killed", "object_stalls")) return [];
    const silent = listed.filter((replica) => !facts.heardOf(app, replica, span));
    const rule = "a replica that is silent is removed";
    return silent.map((replica) => ({ rule, key: null, atMs, what: `${app} ${replica} is still listed` }));
  });
}

/** After the run. */
export function checkEnd({ history: { end } }: Facts): Violation[] {
  const violations: Violation[] = [];
  const found = (rule: string, what: string, key: string | null = null) => violations.push({ rule, key, atMs: null, what });
  for (const { app, waiting, in_flight: inFlight, running } of end.held) {
    if (waiting !== 0 || inFlight !== 0) found(OUTLIVES, `in the end ${app} holds ${inFlight} slots and ${waiting} wait`);
    if (running !== 0) found("nothing runs on for nobody", `in the end replicas of ${app} still run ${running}`);
  }
  if (end.wholeMs === null) found(WHOLE, end.missing.join("; "));
  for (const app of APPS) if (!end.apps.includes(app)) found(WHOLE, `the Directory does not list ${app}`);
  const touched = new Set<string>();
  for (const { sending, came } of end.touches) {
    const { app, hint, key } = sending.asked;
    const name = `${app} ${hint}`;
    const outcome = outcomeOf(came);
    const reason = came?.headers["x-warmpath-reason"] ?? "none";
    if (outcome !== "200") found(SUCCEEDS, `${name}: ${outcome}`, key);
    else if (touched.has(name) && reason !== "hint_match") found("a hint asked for again is warm", `${name}: ${reason}`, key);
    touched.add(name);
  }
  if (end.touches.length === 0) found(SUCCEEDS, "there was no final round");
  return violations;
}

/** What is logged of an object or of the router's other half that fails, ends or is out of reach, by whoever asked it. */
const ASKED = [
  "the fleet did not answer",
  "a ticket was lost",
  "the fleet did not adopt a request",
  "no new snapshot",
  "an announcement was lost",
  "the Directory could not be (asked|told)",
  "a request failed in the router",
].join("|");
const WHY =
  "chaos: the |Network connection lost|object to be reset|execution context which hosts this callback is no longer running";
const OUT_OF_REACH = new RegExp(`^{"message":"(?:(${ASKED})",.*"error":"[^"]*(${WHY})|the fleet is out of reach; )`);

/** With the first request that is answered some time after the last that was not, whenever that comes. */
const IN_REACH = /^{"message":"the fleet is in reach again",/;

/** A 502 of the router. The table of outcomes says whether its client may have got that. */
const NOT_ANSWERED = /^{"message":"a request was not answered",.*"why":"(refused|reset|expired|broke_off)"}$/;

/** What happens to replicas is logged too, and is no fault of the router's. */
const EVENT = /^{"message":"event",/;

/** Once a process: the end of a streamed answer can end its request before the slot is given back. Then the runtime does that, and says so. */
const BY_RUNTIME = /^An RPC stub was not disposed properly\./;

/** What is out of reach is explained only while something is wrong with an object, the Directory or the process. */
export function checkLog({ history }: Facts): Violation[] {
  const disturbed = history.injected.filter(({ fault }) => ["object", "directory", "router"].includes(FAULTS[fault.kind].target));
  const isDisturbed = (atMs: number) =>
    disturbed.some(({ fault, beganMs, endedMs }) => {
      return beganMs <= atMs && atMs <= (endedMs ?? Infinity) + FAULTS[fault.kind].lingersMs;
    });
  return history.log
    .filter(({ line }) => !BY_RUNTIME.test(line) && !NOT_ANSWERED.test(line) && !EVENT.test(line) && !IN_REACH.test(line))
    .filter(({ line, atMs }) => !(OUT_OF_REACH.test(line) && isDisturbed(atMs)))
    .map(({ atMs, line }) => ({ rule: "nothing unexpected is logged", key: null, atMs, what: line.slice(0, 500) }));
}
