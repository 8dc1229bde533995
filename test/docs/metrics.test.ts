// The dashboard and the alerting rules ask for metrics and labels that there are, and docs/protocol.md names every metric.
import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { PROJECT } from "../../scripts/bundle.ts";
import { openMetrics } from "../../src/control/openmetrics.ts";
import { gaugesOf } from "../../src/views/gauges.ts";
import { driver } from "../routing/support/driver.ts";
import { alertRules, panelQueries } from "../support/operations.ts";
import { readOpenMetrics } from "../support/openmetrics.ts";

const { its } = driver({ a: {} });
const families = readOpenMetrics(
  openMetrics([{ app: 'an "odd\\name"\n', fleet: { ...gaugesOf(its, 0), metrics: its.metrics } }], false),
);
const samples = [...families.values()].flatMap((family) => family.samples);
const names = new Set(samples.map(({ name }) => name));

/** Names of metrics in a text, and matchers of labels as `label=~"one|other"`. */
const namesIn = (text: string) => new Set(text.match(/\bwarmpath_\w+/g));
const matchersIn = (text: string) =>
  [...text.matchAll(/(\w+)\{([^}]*)\}/g)].flatMap(([, name = "", inner = ""]) => {
    return [...inner.matchAll(/(\w+)=~?"([^"]*)"/g)].map(([, label = "", values = ""]) => ({
      name,
      label,
      values: values.split("|"),
    }));
  });

test.each([...panelQueries(), ["the alerting rules", alertRules()] as const])("%s: %s", (_, query) => {
  expect(namesIn(query).size).toBeGreaterThan(0);
  for (const name of namesIn(query)) expect(names).toContain(name);
  for (const { name, label, values } of matchersIn(query)) {
    if (!name.startsWith("warmpath_")) continue;
    const known = new Set(samples.filter((sample) => sample.name === name).map(({ labels }) => labels[label]));
    expect(known, `${name} has no ${label}`).not.toContain(undefined);
    if (label !== "app") for (const value of values) expect(known).toContain(value);
  }
});

test("the dashboard shows every family", () => {
  const shown = namesIn(
    panelQueries()
      .map(([, query]) => query)
      .join("\n"),
  );
  for (const { name, samples: its } of families.values()) {
    expect(
      its.some((sample) => shown.has(sample.name)),
      name,
    ).toBe(true);
  }
});

test("the table in docs/protocol.md has every family, and no other", () => {
  const protocol = readFileSync(path.join(PROJECT, "docs", "protocol.md"), "utf8");
  const listed = [...protocol.matchAll(/^\| `(warmpath_\w+)` +\| (\w+) /gm)].map(([, name = "", type = ""]) => `${name} ${type}`);
  const there = [...families.values()].map(({ name, type }) => `${type === "counter" ? `${name}_total` : name} ${type}`);
  expect(listed.length).toBe(there.length);
  expect(new Set(listed)).toEqual(new Set(there));
});

test("an app has as many series as docs/protocol.md says, and its name is escaped", () => {
  const protocol = readFileSync(path.join(PROJECT, "docs", "protocol.md"), "utf8");
  const most = Number(/An app has at most (\d+) series/.exec(protocol)?.[1]);
  const { metrics } = driver().its;
  for (const outcomes of Object.values(metrics.requests))
    for (const outcome of Object.keys(outcomes)) Object.assign(outcomes, { [outcome]: 1 });
  const full = readOpenMetrics(openMetrics([{ app: "x", fleet: { ...gaugesOf(its, 0), metrics } }], false));
  expect([...full.values()].flatMap((family) => family.samples.filter(({ labels }) => labels["app"] === "x")).length).toBe(most);
  expect(new Set(samples.flatMap(({ labels }) => labels["app"] ?? []))).toEqual(new Set(['an "odd\\name"\n']));
});
