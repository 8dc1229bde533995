// What the demo's fleet sees after the sample: the schedule by itself, and each kind of event on a real router and real replicas.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { keepBusy } from "../../scripts/demo/keep-busy.ts";
import { Replicas } from "../../scripts/demo/replicas.ts";
import { RunningRouter } from "../../scripts/demo/router.ts";
import { traffic, type TrafficEvent } from "../../scripts/demo/traffic.ts";
import { until } from "../support/until.ts";

const NAMES = ["gpu-1", "gpu-2"];
const HOUR_MS = 3_600_000;

function hourOf(seed: number): TrafficEvent[] {
  const events: TrafficEvent[] = [];
  for (const event of traffic(seed, NAMES)) {
    if (event.atMs > HOUR_MS) return events;
    events.push(event);
  }
  return events;
}

test("the same seed gives the same events, another seed gives others", () => {
  const events = hourOf(1);
  expect(hourOf(1)).toEqual(events);
  expect(hourOf(2)).not.toEqual(events);
  expect(events.every(({ atMs }, index) => atMs >= (events[index - 1]?.atMs ?? 0))).toBe(true);
});

test("an hour of it: a light load, models that are not alike, bursts, and never two replicas away", () => {
  const events = hourOf(1);
  const requests = events.filter((event) => event.kind === "request");
  // Each draws for 0.7 s: four replicas are used to less than a third.
  expect((requests.length * 0.7) / (4 * 3600)).toBeLessThan(1 / 3);
  const counts = new Map<string, number>();
  for (const { model } of requests) counts.set(model, (counts.get(model) ?? 0) + 1);
  const [most = 0, ...others] = [...counts.values()].sort((a, b) => b - a);
  expect(counts.size).toBeGreaterThan(12);
  expect(most).toBeGreaterThan(5 * (others.at(-1) ?? Infinity));
  // More within a second than four replicas take at once.
  const busiest = requests.filter(({ atMs }, index) => (requests[index + 7]?.atMs ?? Infinity) - atMs < 1000);
  expect(busiest.length).toBeGreaterThan(30);

  let away: string | null = null;
  for (const event of events) {
    if (event.kind === "request") continue;
    expect(away).toBe(event.kind === "undrain" ? event.replica : null);
    away = event.kind === "drain" ? event.replica : null;
  }
  for (const kind of ["drain", "restart"]) expect(events.filter((event) => event.kind === kind).length).toBeGreaterThan(15);
});

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "warmpath-test-traffic-"));
  vi.spyOn(console, "log").mockImplementation(() => {});
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true, force: true });
});

interface Seen {
  readonly replica: string;
  readonly status: string;
  readonly drained: boolean;
  readonly incarnation: number;
  readonly served: number;
}

test(
  "drains, restarts and requests reach the fleet; what goes wrong is said once and stops nothing",
  { timeout: 60_000 },
  async () => {
    await using router = await RunningRouter.start(0, folder);
    await using replicas = new Replicas(NAMES, { routerUrl: router.url, heartbeatToken: router.heartbeatToken });
    const see = async (name: string) => {
      const view = (await router.fleet()) as { replicas: readonly Seen[] } | null;
      return view?.replicas.find(({ replica }) => replica === name);
    };
    const isReady = async (name: string) => (await see(name))?.status === "ready";
    await until("both are ready", async () => (await isReady("gpu-1")) && (await isReady("gpu-2")), 20_000);
    const happen = (...events: TrafficEvent[]) => keepBusy(router, replicas, events, new AbortController().signal);

    await happen({ kind: "drain", atMs: 0, replica: "gpu-1" }, { kind: "request", atMs: 500, model: "sdxl", prompt: "a hill" });
    expect([(await see("gpu-1"))?.drained, (await see("gpu-1"))?.served, (await see("gpu-2"))?.served]).toEqual([true, 0, 1]);
    await happen({ kind: "undrain", atMs: 0, replica: "gpu-1" });
    expect((await see("gpu-1"))?.drained).toBe(false);

    const before = await see("gpu-2");
    await happen({ kind: "restart", atMs: 0, replica: "gpu-2" });
    const isNew = async () => ((await see("gpu-2"))?.incarnation ?? 0) > (before?.incarnation ?? Infinity);
    await until("the next process has reported", async () => (await isNew()) && (await isReady("gpu-2")), 20_000);

    const said = vi.spyOn(console, "error").mockImplementation(() => {});
    const unknown = { kind: "drain", replica: "nobody" } as const;
    await happen({ ...unknown, atMs: 0 }, { ...unknown, atMs: 1 }, { kind: "drain", atMs: 2, replica: "gpu-1" });
    expect(said).toHaveBeenCalledTimes(1);
    expect((await see("gpu-1"))?.drained).toBe(true);
  },
);

test("an interruption ends traffic that has no end, and what it has begun", { timeout: 60_000 }, async () => {
  await using router = await RunningRouter.start(0, folder);
  await using replicas = new Replicas(NAMES.slice(0, 1), { routerUrl: router.url, heartbeatToken: router.heartbeatToken });
  const interruption = new AbortController();
  const busy = keepBusy(router, replicas, traffic(1, NAMES.slice(0, 1)), interruption.signal);
  await until("requests are served", async () => ((await router.fleet())?.replicas[0]?.served ?? 0) > 0, 30_000);
  interruption.abort();
  await busy;
});
