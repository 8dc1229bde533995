// The log's lines of what happens to replicas: which events have one, at which level, and how many at most.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { EventLines } from "../../durable-objects/event-lines.ts";
import { BOUNDS } from "../../src/limits.ts";
import { EventLog } from "../../src/routing/events/event-log.ts";
import type { Happening } from "../../src/routing/events/event.ts";

let said: { readonly level: string; readonly line: Record<string, unknown> }[] = [];
beforeEach(() => {
  said = [];
  for (const level of ["log", "warn", "error"] as const) {
    vi.spyOn(console, level).mockImplementation((text: string) => {
      said.push({ level, line: JSON.parse(text) as Record<string, unknown> });
    });
  }
});
afterEach(() => vi.restoreAllMocks());

function recorder() {
  const lines = new EventLines(() => "any-model");
  const log = new EventLog((event) => lines.write(event));
  return (happening: Happening, now = 0) => log.record(happening, now);
}

const a = { replica: "a" } as const;
const left = { ...a, kind: "expired", running: 0 } as const;

test("a replica's coming, going and ejection have a line; what it loads and drops has none", () => {
  const record = recorder();
  record({ ...a, kind: "joined", origin: "o", status: "ready", concurrency: 1, hints: null, drained: false, unhealthy: false });
  record({ ...a, kind: "loaded", hint: "x", loadMs: 1, load: "duplicate", evicts: null });
  record({ ...a, kind: "dropped", hints: ["x"], more: 0 });
  record({ ...a, kind: "ejected", failure: "unreachable", detail: "refused", forMs: 10_000, ejections: 1 });
  record({ ...a, kind: "trusted", ejectedFor: "unreachable" });
  record({ ...a, kind: "hint_failed", hint: "x", forMs: 1000 });
  record(left);
  const its = (sequence: number, kind: string, detail: string) => ({
    ...{ message: "event", kind, app: "any-model", replica: "a", detail, sequence },
  });
  expect(said).toEqual([
    { level: "log", line: its(1, "joined", "Joined at o, ready, with 1 slot.") },
    { level: "warn", line: its(4, "ejected", "Gets nothing for 10 s (unreachable, refused).") },
    { level: "log", line: its(5, "trusted", "Is trusted again after its ejection (unreachable).") },
    { level: "warn", line: its(6, "hint_failed", "Gets nothing for x for 1 s, because it failed such requests.") },
    { level: "warn", line: its(7, "expired", "Was not heard of for its time to live, with nothing running.") },
  ]);
});

test("a start of the object has a line if replicas were restored after a crash or deploy", () => {
  const record = recorder();
  for (const restored of [0, 2]) for (const hibernated of [false, true]) record({ kind: "object_started", restored, hibernated });
  expect(said.map(({ line }) => [line["kind"], line["replica"], line["detail"]])).toEqual([
    ["object_started", null, "The app's object restarted, with its 2 replicas."],
  ]);
});

test("in a second there are so many lines, and the next line says how many were left out", () => {
  const record = recorder();
  for (let count = 0; count < BOUNDS.eventLinesPerSecond + 7; count++) record(left, 5000);
  expect(said.length).toBe(BOUNDS.eventLinesPerSecond);
  record(left, 6000);
  record(left, 6000);
  expect(said.slice(-2).map(({ line }) => line["leftOut"])).toEqual([7, undefined]);
});
