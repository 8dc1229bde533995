// Each alerting rule of docs/operations fires for what it is about, and none for a fleet that is well. `promtool` evaluates them on made-up series. Skipped
// where Prometheus is not installed.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { ALERTS, alertRules } from "../support/operations.ts";
import { hasPrometheus } from "../support/prometheus.ts";

/** Series of an hour, a value a minute: `a+bx60` begins at a and rises by b. */
const WELL: Readonly<Record<string, string>> = {
  'up{job="warmpath"}': "1x60",
  'warmpath_replicas{app="a",state="ready"}': "4x60",
  'warmpath_replicas{app="a",state="ejected"}': "0x60",
  'warmpath_slots{app="a",state="free"}': "2x60",
  'warmpath_slots{app="a",state="busy"}': "2x60",
  'warmpath_queue_length{app="a",priority="normal"}': "1x60",
  'warmpath_requests_total{app="a",reason="hint_match",outcome="success"}': "0+600x60",
  'warmpath_refusals_total{app="a",reason="queue_full"}': "0+3x60",
  'warmpath_gpu_load_seconds_total{app="a",kind="evicted"}': "0+20x60",
  'warmpath_ejections_total{app="a"}': "0x60",
  'warmpath_scrape_errors{app="a"}': "0x60",
  warmpath_scrape_truncated: "0x60",
};

const CASES: readonly (readonly [alert: string, series: Readonly<Record<string, string>>])[] = [
  ["WarmpathDown", { 'up{job="warmpath"}': "0x60" }],
  ["WarmpathNoReplicaReady", { 'warmpath_replicas{app="a",state="ready"}': "0x60" }],
  ["WarmpathAppGone", { 'warmpath_scrape_errors{app="a"}': "0x50" }],
  ["WarmpathQueueGrowing", { 'warmpath_queue_length{app="a",priority="normal"}': "0+2x60" }],
  ["WarmpathRefusing", { 'warmpath_refusals_total{app="a",reason="queue_full"}': "0+60x60" }],
  ["WarmpathLoadsTakeGpus", { 'warmpath_gpu_load_seconds_total{app="a",kind="evicted"}': "0+80x60" }],
  ["WarmpathEjections", { 'warmpath_ejections_total{app="a"}': "0+1x60" }],
  ["WarmpathScrapeErrors", { 'warmpath_scrape_errors{app="a"}': "1x60" }],
  ["WarmpathScrapeTruncated", { warmpath_scrape_truncated: "1x60" }],
];

/** The alerts that fire after an hour, each alert asked for by its name. */
function expectFiring(alerts: readonly string[], series: Readonly<Record<string, string>>): void {
  const folder = mkdtempSync(path.join(tmpdir(), "warmpath-alerts-"));
  const input = Object.entries({ ...WELL, ...series }).map(([name, values]) => ({ series: name, values }));
  const expr = 'count by (alertname) (ALERTS{alertstate="firing"})';
  const samples = alerts.map((alertname) => ({ labels: `{alertname="${alertname}"}`, value: 1 }));
  const its = { interval: "1m", input_series: input, promql_expr_test: [{ expr, eval_time: "60m", exp_samples: samples }] };
  // JSON is YAML.
  const file = path.join(folder, "test.yml");
  writeFileSync(file, JSON.stringify({ rule_files: [ALERTS], evaluation_interval: "1m", tests: [its] }));
  const { status, stdout, stderr } = spawnSync("promtool", ["test", "rules", file], { encoding: "utf8" });
  rmSync(folder, { recursive: true });
  expect(status, `${stdout}${stderr}`).toBe(0);
}

describe.skipIf(!hasPrometheus())("of a fleet", () => {
  test("that is well, no alert fires", () => expectFiring([], {}));

  test.each(CASES)("%s fires", (alert, series) => expectFiring([alert], series));

  test("every rule has its case", () => {
    const rules = [...alertRules().matchAll(/- alert: (\w+)/g)].map(([, name]) => name);
    expect(CASES.map(([alert]) => alert)).toEqual(rules);
  });
});
