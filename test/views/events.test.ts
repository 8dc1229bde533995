// Events in words: one sentence for each kind, and the figures that a dashboard draws.
import { expect, test } from "vitest";
import { EventLog } from "../../src/routing/events/event-log.ts";
import type { Happening } from "../../src/routing/events/event.ts";
import { LIMITS } from "../../src/routing/limits.ts";
import { viewEvents } from "../../src/views/events.ts";

const a = { replica: "a" } as const;
const joined = { ...a, origin: "https://a.example.com", status: "ready", concurrency: 1, hints: null } as const;
const trusted = { drained: false, unhealthy: false } as const;
const ejected = { ...a, kind: "ejected", failure: "unreachable", detail: "refused", forMs: 10_000, ejections: 1 } as const;
const loaded = { ...a, kind: "loaded", hint: "sdxl", loadMs: 12_149, load: "evicted", evicts: "flux" } as const;

test.each<[Happening, string]>([
  [{ kind: "object_started", restored: 0, hibernated: false }, "The app's object started; no replica was stored."],
  [{ kind: "object_started", restored: 1, hibernated: false }, "The app's object restarted, with its replica."],
  [{ kind: "object_started", restored: 3, hibernated: true }, "The app's object woke from hibernation, with its 3 replicas."],
  [{ kind: "joined", ...joined, ...trusted }, "Joined at https://a.example.com, ready, with 1 slot."],
  [
    { kind: "joined", ...joined, status: "starting", concurrency: 2, hints: 1, drained: true, unhealthy: true },
    "Joined at https://a.example.com, starting, still drained, still ejected or on probation, with 2 slots and 1 hint.",
  ],
  [
    { kind: "restarted", ...joined, incarnation: 2, hints: 0 },
    "Is a new process at https://a.example.com, ready, with 1 slot and 0 hints.",
  ],
  [{ ...a, kind: "ready", before: "starting", running: 0 }, "Says that it is ready, after starting."],
  [{ ...a, kind: "starting", before: "ready", running: 0 }, "Says that it is starting, after ready."],
  [{ ...a, kind: "draining", before: "ready", running: 2 }, "Says that it drains, with 2 requests running."],
  [{ ...a, kind: "drained", running: 1 }, "Was drained by an administrator, with 1 request running."],
  [{ ...a, kind: "undrained", running: 0 }, "Gets requests again: an administrator ended its drain."],
  [{ ...a, kind: "stopped", running: 0 }, "Said that it stops, with nothing running."],
  [{ ...a, kind: "expired", running: 0 }, "Was not heard of for its time to live, with nothing running."],
  [{ ...a, kind: "removed", running: 0 }, "Was removed by an administrator, with nothing running."],
  [
    { ...a, kind: "replaced", by: "b", origin: "https://a.example.com" },
    "Is gone: b is at its origin https://a.example.com now.",
  ],
  [ejected, "Gets nothing for 10 s (unreachable, refused)."],
  [{ ...ejected, detail: "", ejections: 3, forMs: 40_000 }, "Gets nothing for 40 s (unreachable); ejected 3 times in a row."],
  [{ ...a, kind: "trusted", ejectedFor: "broken" }, "Is trusted again after its ejection (broken)."],
  [{ ...a, kind: "hint_failed", hint: "x", forMs: 30_000 }, "Gets nothing for x for 30 s, because it failed such requests."],
  [loaded, "Loaded sdxl in 12.1 s, instead of flux (it had been evicted)."],
  [{ ...loaded, load: "first_touch", evicts: null }, "Loaded sdxl in 12.1 s (nobody held it)."],
  [{ ...loaded, load: "duplicate", evicts: null, loadMs: 26.4 }, "Loaded sdxl in 26 ms (another replica has it too)."],
  [{ ...a, kind: "advised", hint: "x", evicts: null }, "Was advised to load x: a client announced it."],
  [{ ...a, kind: "advised", hint: "x", evicts: "y" }, "Was advised to load x, instead of y: a client announced it."],
  [{ ...a, kind: "dropped", hints: ["x"], more: 0 }, "Dropped x."],
  [{ ...a, kind: "dropped", hints: ["x", "y", "z"], more: 0 }, "Dropped x, y and z."],
  [{ ...a, kind: "dropped", hints: ["x", "y"], more: 5 }, "Dropped x, y and 5 more."],
])("%j", (happening, detail) => {
  const log = new EventLog();
  log.record(happening, 7000);
  const [event] = viewEvents(log, 0, 0).events;
  const replica = happening.kind === "object_started" ? null : "a";
  expect(event).toMatchObject({ sequence: 1, at_ms: 7000, kind: happening.kind, replica, detail });
});

test("the figures of a load, and the hints that were dropped", () => {
  const log = new EventLog();
  log.record(loaded, 1000);
  log.record({ ...a, kind: "dropped", hints: ["flux"], more: 0 }, 2000);
  const [load, drop] = viewEvents(log, 0, 0).events;
  expect(load).toMatchObject({ hint: "sdxl", load: { seconds: 12.149, kind: "evicted", evicts: "flux" }, hints: null });
  expect(drop).toMatchObject({ hint: null, load: null, hints: ["flux"] });
});

test("what comes after, what is kept, and where to go on", () => {
  const log = new EventLog();
  expect(viewEvents(log, 5, 0)).toEqual({ events: [], oldest_kept: null, next: 0, since_ms: 5 });
  for (let count = 0; count < LIMITS.eventsKept; count++) log.record({ kind: "trusted", ...a, ejectedFor: "error" }, count);
  const sequences = (after: number) => viewEvents(log, 5, after).events.map(({ sequence }) => sequence);
  expect(sequences(998)).toEqual([999, 1000]);
  expect(viewEvents(log, 5, 1000)).toEqual({ events: [], oldest_kept: 501, next: 1000, since_ms: 5 });
  expect(sequences(2000)).toEqual([]);
  expect(sequences(0).length).toBe(500);
});
