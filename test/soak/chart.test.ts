// The chart of a soak: every line named once, small enough for the documentation.
import { expect, test } from "vitest";
import { chart } from "../../bench/soak/chart.ts";
import type { Window } from "../../bench/soak/windows.ts";

const windowAt = (at_s: number): Window => ({
  ...{ at_s, requests: 350, outcomes: { "200": 350 }, resident_mb: 200 + (at_s % 7), cpu_share: 0.1, cpu_ms_per_request: 1.5 },
  ...{ in_system_p50_ms: 150, in_system_p95_ms: 401 + (at_s % 3), queue_p95_ms: 100 },
  ...{ router_p50_ms: 3, router_p95_ms: 10.2, control_p50_ms: 0.5, control_p95_ms: 1 },
});

test("an SVG with a background and every line named, below 150 KB for a long run", () => {
  const svg = chart(
    Array.from({ length: 2000 }, (_, index) => windowAt(index * 5)),
    "a test\nof a chart",
  );
  expect(svg).toMatch(/^<svg [^>]*viewBox/);
  expect(svg).toContain('fill="#ffffff"');
  for (const name of ["workerd", "router, p50", "router, p95", "queue, p95", "control, p50"]) {
    expect(svg.split(`>${name}<`)).toHaveLength(2);
  }
  expect(svg.length).toBeLessThan(150_000);
});

test("windows in which nothing ended leave a gap", () => {
  expect(chart([windowAt(5), { ...windowAt(10), router_p50_ms: null }], "a test")).toContain(">router, p50<");
});
