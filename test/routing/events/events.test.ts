// The life of replicas as the log of events tells it: each thing that happens to one is there once, with what an operator would ask next.
import { expect, test } from "vitest";
import type { FleetEvent, Happening } from "../../../src/routing/events/event.ts";
import { EventLog } from "../../../src/routing/events/event-log.ts";
import { Isolates } from "../../../src/routing/direct/isolates.ts";
import type { Failure } from "../../../src/routing/health/outcome.ts";
import { answered, ended, failed, finish, succeeded } from "../../../src/routing/lifecycle.ts";
import { LIMITS } from "../../../src/routing/limits.ts";
import { drain, expire, hear, hearInBand, remove } from "../../../src/routing/registry.ts";
import { driver } from "../support/driver.ts";
import { beat, COLD_MS, known, load, occupy, TTL_MS, type Said } from "../support/fleets.ts";

/** A fleet whose replicas are heard as the object hears them. `happened` gives what has happened since it was last asked. */
function observed(replicas: Readonly<Record<string, Said>> = {}) {
  const fleet = driver();
  const { its } = fleet;
  let seen = 0;
  const happened = (): Happening[] => {
    const events = its.events.after(seen);
    seen = its.events.last;
    return events.map((event) => {
      const { sequence, atMs, ...happening } = event;
      expect([sequence > 0, atMs >= 0]).toEqual([true, true]);
      return happening;
    });
  };
  const hears = (id: string, said: Said = {}, now = 0) => hear(its, beat(id, said), TTL_MS, now);
  for (const [id, said] of Object.entries(replicas)) hears(id, said);
  happened();
  return {
    ...fleet,
    hears,
    happened,
    replica: (id: string) => known(its.fleet, id),
    /** A request on the replica fails, and is over. */
    fails: (id: string, failure: Failure, now: number) => {
      for (const grant of occupy(its.fleet, id, 1, now)) {
        failed(its, grant.id, failure, null, now);
        finish(its, grant.id, now);
      }
    },
    /** A request on the replica is answered whole. */
    serves: (id: string, now: number) => {
      for (const grant of occupy(its.fleet, id, 1, now)) {
        answered(its, grant.id, { kind: "success", hints: null, streams: true }, now);
        ended(its, grant.id, true, now);
        finish(its, grant.id, now);
      }
    },
  };
}

const origin = "https://a.example.com";

test("a replica joins, becomes ready, is a new process, drains and stops", () => {
  const { hears, happened, its } = observed();
  hears("a", { status: "starting", hints: ["x", "y"], concurrency: 4 });
  const trusted = { drained: false, unhealthy: false };
  expect(happened()).toEqual([
    { kind: "joined", replica: "a", origin, status: "starting", concurrency: 4, hints: 2, ...trusted },
  ]);
  hears("a", { status: "ready", hints: ["x", "y"], concurrency: 4 });
  expect(happened()).toEqual([{ kind: "ready", replica: "a", before: "starting", running: 0 }]);
  // A report that changes nothing to speak of is no event.
  hears("a", { hints: ["x", "y"], concurrency: 2 }, 1000);
  expect(happened()).toEqual([]);
  hears("a", { incarnation: 2 }, 2000);
  expect(happened()).toEqual([
    { kind: "restarted", replica: "a", incarnation: 2, origin, status: "ready", concurrency: 1, hints: null },
  ]);
  occupy(its.fleet, "a", 1, 2000);
  hears("a", { incarnation: 2, status: "draining" }, 3000);
  expect(happened()).toEqual([{ kind: "draining", replica: "a", before: "ready", running: 1 }]);
  hears("a", { incarnation: 2, status: "stopped" }, 4000);
  expect(happened()).toEqual([{ kind: "stopped", replica: "a", running: 1 }]);
  hears("a", { incarnation: 2, status: "stopped" }, 5000);
  hears("a", { incarnation: 1 }, 5000);
  expect(happened()).toEqual([]);
});

test("a process that comes back is what it was", () => {
  const { hears, happened, fails, its, replica } = observed({ a: {} });
  fails("a", { kind: "unreachable" }, 1000);
  drain(its, replica("a"), true, TTL_MS, 1000);
  expire(its, TTL_MS, TTL_MS);
  hears("a", {}, TTL_MS + 1);
  expect(happened().at(-1)).toMatchObject({ kind: "joined", drained: true, unhealthy: true });
});

test("an administrator drains, undrains and removes it; what changes nothing is no event", () => {
  const { happened, its, replica } = observed({ a: {} });
  for (const drained of [true, true, false, false]) drain(its, replica("a"), drained, TTL_MS, 0);
  occupy(its.fleet, "a", 1);
  remove(its, replica("a"), TTL_MS, 0);
  expect(happened()).toEqual([
    { kind: "drained", replica: "a", running: 0 },
    { kind: "undrained", replica: "a", running: 0 },
    { kind: "removed", replica: "a", running: 1 },
  ]);
});

test("it expires, comes back, and another takes its origin", () => {
  const { hears, happened, its } = observed({ a: {}, b: {} });
  hears("b", {}, 1000);
  expire(its, TTL_MS, TTL_MS);
  expect(happened()).toEqual([{ kind: "expired", replica: "a", running: 0 }]);
  hears("a", {}, TTL_MS);
  expect(happened()).toMatchObject([{ kind: "joined", replica: "a" }]);
  hears("c", { origin, incarnation: 5 }, TTL_MS);
  expect(happened()).toEqual([
    { kind: "replaced", replica: "a", by: "c", origin },
    { kind: "joined", replica: "c", origin, status: "ready", concurrency: 1, hints: null, drained: false, unhealthy: false },
  ]);
});

test("it is ejected, for longer each time, and trusted again by what disproves that", () => {
  const { happened, fails, serves } = observed({ a: { concurrency: 4 } });
  fails("a", { kind: "unreachable", detail: "refused" }, 1000);
  const first = { kind: "ejected", replica: "a", failure: "unreachable", detail: "refused", forMs: 10_000, ejections: 1 };
  expect(happened()).toEqual([first]);
  // Within the ejection one more shows nothing new.
  fails("a", { kind: "unreachable" }, 1000);
  expect(happened()).toEqual([]);
  fails("a", { kind: "broken" }, 12_000);
  expect(happened()).toEqual([{ ...first, failure: "broken", detail: "", forMs: 20_000, ejections: 2 }]);
  serves("a", 40_000);
  expect(happened()).toEqual([{ kind: "trusted", replica: "a", ejectedFor: "broken" }]);
  serves("a", 41_000);
  expect(happened()).toEqual([]);
});

test("news that come late, or from an isolate, are told as well", () => {
  const { happened, its, fails, replica } = observed({ a: { concurrency: 4 } });
  const [early] = occupy(its.fleet, "a", 1, 500);
  finish(its, early?.id ?? 0, 900);
  fails("a", { kind: "unreachable" }, 1000);
  succeeded(its, { id: early?.id ?? 0, answeredAfterMs: 600, heldMs: 700 }, 1500);
  expect(happened().map(({ kind }) => kind)).toEqual(["ejected", "trusted"]);
  const failures = [
    { replica: "a", incarnation: 1, hint: null, failure: { kind: "unreachable" }, afterSuccess: false, sentAgoMs: 10 } as const,
  ];
  const report = { isolate: "i", sequence: 1, pairs: [], demand: [], failures, lists: [] };
  new Isolates().apply(its, report, 20_000);
  expect(replica("a").ejectedUntilMs).toBeGreaterThan(20_000);
  expect(happened().map(({ kind }) => kind)).toEqual(["ejected"]);
});

test("it is passed over for a hint that it fails to load", () => {
  const { happened, its } = observed({ a: { concurrency: 2, hints: [] } });
  for (const now of [0, 1000]) {
    const grant = load(its.fleet, "a", "x", now);
    failed(its, grant.id, { kind: "error" }, null, now + 100);
    finish(its, grant.id, now + 100);
  }
  expect(happened()).toEqual([{ kind: "hint_failed", replica: "a", hint: "x", forMs: LIMITS.hintFailureMs }]);
});

test("loads: which, how long, of what kind, and instead of what; then the next list drops that", () => {
  const { happened, its, arrives, answers, ends, hears } = observed({ a: { hints: ["x", "y"], hintSlots: 2 } });
  arrives(1, ["y"], 0);
  answers(1, 1000);
  ends(1, 2000);
  expect(happened()).toEqual([]);
  expect(arrives(2, ["z"], 3000)).toBe("a hash_owner");
  expect(happened()).toEqual([]);
  answers(2, 3000 + COLD_MS);
  const loaded = { kind: "loaded", replica: "a", hint: "z", load: "first_touch", evicts: "x" };
  // A warm request has its headers after a second.
  expect(happened()).toEqual([{ ...loaded, loadMs: COLD_MS - 1000 }]);
  answers(2, 3000 + COLD_MS + 1);
  ends(2, 20_000);
  expect(happened()).toEqual([]);
  hears("a", { hints: ["y", "z"], hintSlots: 2 }, 21_000);
  expect(happened()).toEqual([{ kind: "dropped", replica: "a", hints: ["x"], more: 0 }]);
  arrives(3, ["x"], 22_000);
  answers(3, 24_000, ["x", "z"]);
  expect(happened()).toEqual([
    { ...loaded, hint: "x", load: "evicted", evicts: "y", loadMs: 1000 },
    { kind: "dropped", replica: "a", hints: ["y"], more: 0 },
  ]);
  ends(3, 24_000);
  expect(its.metrics.loads).toEqual({ first_touch: 1, duplicate: 0, evicted: 1 });
});

test("a load that an answer showed and the next list denies is dropped; so many are named", () => {
  const hints = Array.from({ length: LIMITS.droppedHintsNamed + 3 }, (_, index) => `h${index}`);
  const { happened, its, replica } = observed({ a: { hints, hintSlots: 40 } });
  const { id } = load(its.fleet, "a", "new", 0);
  succeeded(its, { id, answeredAfterMs: 5000, heldMs: 6000 }, 6000);
  expect(replica("a").unreported.has("new")).toBe(true);
  happened();
  hearInBand(its, replica("a"), hints, 10_000);
  expect(happened()).toEqual([{ kind: "dropped", replica: "a", hints: ["new"], more: 0 }]);
  hearInBand(its, replica("a"), hints, 11_000);
  expect(happened()).toEqual([]);
  hearInBand(its, replica("a"), [], 12_000);
  expect(happened()).toEqual([{ kind: "dropped", replica: "a", hints: hints.slice(0, LIMITS.droppedHintsNamed), more: 3 }]);
});

test("nothing is told of a process that has left, nor by warm requests", () => {
  const { happened, its, hears, arrives, answers, ends, replica } = observed({ a: { hints: ["x"], concurrency: 4 } });
  for (let id = 1; id <= 20; id++) {
    arrives(id, ["x"], id);
    answers(id, id + 10, ["x"]);
    ends(id, id + 20);
  }
  expect(happened()).toEqual([]);
  const gone = replica("a");
  const [whole, cold] = [...occupy(its.fleet, "a", 1, 100), load(its.fleet, "a", "y", 100)];
  failed(its, occupy(its.fleet, "a", 1, 100)[0]?.id ?? 0, { kind: "unreachable" }, null, 200);
  expect(happened().map(({ kind }) => kind)).toEqual(["ejected"]);
  hears("a", { status: "stopped" }, 300);
  expect(happened().map(({ kind }) => kind)).toEqual(["stopped"]);
  answered(its, whole?.id ?? 0, { kind: "success", hints: null }, 400);
  answered(its, cold?.id ?? 0, { kind: "success", hints: ["z"] }, 400);
  hearInBand(its, gone, [], 500);
  expect(happened()).toEqual([]);
});

test("the last events are kept, loads and drops apart from the others, in one order; and each is told once", () => {
  const told: FleetEvent[] = [];
  const log = new EventLog((event) => told.push(event));
  expect([log.last, log.after(0)]).toEqual([0, []]);
  const state = { status: "ready", concurrency: 1, hints: null, drained: false, unhealthy: false } as const;
  const joined = { kind: "joined", replica: "a", origin, ...state } as const;
  log.record(joined, 5);
  for (let count = 0; count < 3 * LIMITS.eventsKept; count++)
    log.record({ kind: "dropped", replica: "a", hints: [], more: 1 }, count);
  log.record({ kind: "expired", replica: "a", running: 0 }, 9);
  const kept = log.after(0);
  expect(kept.length).toBe(LIMITS.eventsKept / 2 + 2);
  expect([kept[0], kept.at(-1)]).toEqual([
    { ...joined, sequence: 1, atMs: 5 },
    { kind: "expired", replica: "a", running: 0, sequence: log.last, atMs: 9 },
  ]);
  const sequences = kept.map(({ sequence }) => sequence);
  expect(sequences).toEqual(sequences.toSorted((a, b) => a - b));
  expect(sequences[1]).toBe(log.last - LIMITS.eventsKept / 2);
  expect(log.after(log.last - 2).map(({ sequence }) => sequence)).toEqual([log.last - 1, log.last]);
  expect(told.map(({ sequence }) => sequence)).toEqual(Array.from({ length: log.last }, (_, index) => index + 1));
});
