// One page of a fleet's replicas: what is found, in which order, and where a page that does not exist leads.
import { expect, test } from "vitest";
import { LIMITS } from "../../src/routing/limits.ts";
import { replicaPage, type ReplicaOrder } from "../../src/views/replica-page.ts";
import { driver } from "../routing/support/driver.ts";

const NOW = 1000;

function shown(fleet: ReturnType<typeof driver>, order: ReplicaOrder = "name", find = "", page = 1) {
  const view = replicaPage(fleet.its.fleet, order, find, page, NOW);
  return { ...view, replicas: view.replicas.map(({ replica }) => replica) };
}

test("finds by name, origin, and what is held, whatever the case", () => {
  const fleet = driver({ "gpu-1": { hints: ["SDXL"] }, "gpu-2": { hints: ["flux"] }, "tpu-3": { hints: [] } });
  expect(shown(fleet).replicas).toEqual(["gpu-1", "gpu-2", "tpu-3"]);
  expect(shown(fleet, "name", "GPU").replicas).toEqual(["gpu-1", "gpu-2"]);
  expect(shown(fleet, "name", "sdxl").replicas).toEqual(["gpu-1"]);
  expect(shown(fleet, "name", "nobody")).toEqual({ replicas: [], found: 0, page: 1, pages: 1 });
});

test("fullest first, then by name", () => {
  const fleet = driver({
    a: { hints: ["x"], concurrency: 4 },
    b: { hints: ["y"], concurrency: 1 },
    c: { hints: ["z"], concurrency: 1 },
  });
  expect(fleet.arrives(1, ["x"], 0)).toBe("a hint_match");
  expect(fleet.arrives(2, ["z"], 0)).toBe("c hint_match");
  expect(shown(fleet, "load").replicas).toEqual(["c", "a", "b"]);
});

test("trouble first: ejected, then not ready, then on probation, then those that have failed", () => {
  const fleet = driver({ failed: {}, good: {}, starting: { status: "starting" }, ejected: {}, probation: {} });
  const { replicas } = fleet.its.fleet;
  const its = (name: string) => replicas.get(name) ?? expect.fail(name);
  its("failed").lastError = { kind: "error", detail: "status 500", atMs: 0 };
  its("ejected").ejectedUntilMs = NOW + 1;
  its("ejected").ejectedFor = "disconnected";
  its("probation").ejectedFor = "disconnected";
  expect(shown(fleet, "trouble").replicas).toEqual(["ejected", "starting", "probation", "failed", "good"]);
});

test("pages end where the replicas end", () => {
  const count = LIMITS.replicasPerPage + 3;
  const fleet = driver(Object.fromEntries(Array.from({ length: count }, (_, at) => [`r${String(at).padStart(3, "0")}`, {}])));
  expect(shown(fleet).replicas).toHaveLength(LIMITS.replicasPerPage);
  expect(shown(fleet, "name", "", 2)).toMatchObject({ replicas: ["r050", "r051", "r052"], found: count, page: 2, pages: 2 });
  expect(shown(fleet, "name", "", 99).page).toBe(2);
});
