// A real Prometheus scrapes the running router, answers every query of the dashboard, and evaluates the alerting rules. Skipped where Prometheus is not
// installed.
import { spawnSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ALERTS, panelQueries } from "../support/operations.ts";
import { hasPrometheus, Prometheus } from "../support/prometheus.ts";
import { TestReplica } from "../support/replica.ts";
import { TestRouter } from "../support/router.ts";
import { until } from "../support/until.ts";

const TOKEN = "metrics-token";
const isThere = hasPrometheus();
if (!isThere)
  console.warn("Prometheus is not installed (Debian: apt-get install prometheus), so no real one scrapes the router in this run");

describe.skipIf(!isThere)("a real Prometheus", () => {
  let router: TestRouter;
  let replica: TestReplica;
  let prometheus: Prometheus;

  beforeAll(async () => {
    router = await TestRouter.start({ METRICS_TOKEN: TOKEN });
    replica = await TestReplica.start();
    await router.join({ app: "any-model", replica: "r", origin: replica.origin, hints: ["m"], concurrency: 2 });
    await asks(3);
    prometheus = await Prometheus.start({ port: router.port, token: TOKEN }, ALERTS);
    await until("it has scraped", async () => (await prometheus.value('up{job="warmpath"}')) !== null, 20_000);
  });
  afterAll(async () => {
    await prometheus[Symbol.asyncDispose]();
    await replica[Symbol.asyncDispose]();
    await router[Symbol.asyncDispose]();
  });

  async function asks(times: number): Promise<void> {
    for (let time = 0; time < times; time++) await router.send("/any-model/x", { headers: { "x-fal-runner-hint": "m" } });
  }

  test("takes the text as OpenMetrics, without an error", async () => {
    const { activeTargets } = await prometheus.get<{ activeTargets: { health: string; lastError: string }[] }>("targets");
    expect(activeTargets).toMatchObject([{ health: "up", lastError: "" }]);
    expect(await prometheus.value("up")).toBe(1);
    // The older text format has no units.
    const metadata = await prometheus.get<Record<string, readonly object[]>>("metadata");
    expect(metadata["warmpath_load_seconds"]).toMatchObject([{ type: "histogram", unit: "seconds" }]);
    expect(metadata["warmpath_requests"] ?? metadata["warmpath_requests_total"]).toMatchObject([{ type: "counter" }]);
  });

  test("answers how many requests there were, and goes on after a restart of the router", async () => {
    const served = 'sum(warmpath_requests_total{app="any-model",outcome="success"})';
    await until("it knows of three", async () => (await prometheus.value(served)) === 3, 20_000);
    expect(await prometheus.value('warmpath_slots{app="any-model",state="free"}')).toBe(2);
    await router.restart();
    await asks(2);
    await until("it knows of five", async () => (await prometheus.value(served)) === 5, 20_000);
    expect(await prometheus.value(`resets(warmpath_requests_total{outcome="success",reason="hint_match"}[1m])`)).toBe(0);
    expect(await prometheus.value("histogram_quantile(0.5, sum by (le) (warmpath_service_seconds_bucket))")).toBeGreaterThan(0);
  });

  test.each(panelQueries())("answers the panel %s: %s", async (_, query) => {
    const asked = query.replaceAll("$app", ".*").replaceAll("$__rate_interval", "1m");
    expect(await prometheus.query(asked)).toBeInstanceOf(Array);
  });

  test("evaluates the alerting rules, and tells that no replica is ready", async () => {
    const checked = spawnSync("promtool", ["check", "rules", ALERTS], { encoding: "utf8" });
    expect(checked.status, checked.stderr).toBe(0);
    await router.admin("/-/apps/any-model/replicas/r/drain", "POST");
    interface Rule {
      readonly name: string;
      readonly health: string;
      readonly state: string;
    }
    const rules = async () =>
      (await prometheus.get<{ groups: { rules: Rule[] }[] }>("rules")).groups.flatMap((group) => group.rules);
    const pending = async () => (await rules()).filter(({ state }) => state !== "inactive").map(({ name }) => name);
    await until("the alert is pending", async () => (await pending()).join() === "WarmpathNoReplicaReady", 20_000);
    await until("all are evaluated", async () => (await rules()).every(({ health }) => health === "ok"), 20_000);
  });
});
