// Schemathesis tests the running router by its own document, and finds nothing. Skipped where it is not installed.
import { describe, expect, test } from "vitest";
import { keepBeating } from "../support/beating.ts";
import { TestReplica } from "../support/replica.ts";
import { TestRouter } from "../support/router.ts";
import { hasSchemathesis, schemathesis, type Run } from "../support/schemathesis.ts";

const isThere = hasSchemathesis();
if (!isThere)
  console.warn("Schemathesis is not installed (pip install -r .ci/schemathesis.txt), so it does not test the router in this run");

/** A router of its own, because calls of the administrator would take the replicas of client traffic away. */
async function findNothing(run: Run): Promise<void> {
  await using router = await TestRouter.start({
    METRICS_TOKEN: "metrics-token",
    HEARTBEAT_RATE_MAX: "100000",
    ORIGIN_ALLOW: "*.example.com",
  });
  await using replica = await TestReplica.start();
  await using _ = await keepBeating(router, { app: "served", replica: "r", origin: replica.origin, concurrency: 100 });
  const { report, said } = await schemathesis(router, run);
  expect([report.failures, report.errors], said).toEqual([[], []]);
  for (const phase of run.phases) expect(report.phases[phase], said).toMatchObject({ status: "success" });
  expect(router.faults).toEqual([]);
  // It has seen more than refusals.
  const operations = Object.entries(report.valid_rates);
  expect(operations).toHaveLength(report.operations.tested);
  for (const [operation, phases] of operations) {
    const accepted = Object.values(phases).reduce((sum, phase) => sum + phase.accepted, 0);
    expect(accepted, operation).toBeGreaterThan(0);
  }
}

describe.skipIf(!isThere)("schemathesis", { timeout: 120_000 }, () => {
  test("the control plane", () =>
    findNothing({ tag: "control", examples: 60, phases: ["examples", "coverage", "fuzzing", "stateful"] }));

  test("client traffic", () =>
    findNothing({
      ...{ tag: "clients", examples: 25, phases: ["examples", "coverage", "fuzzing"] },
      // A replica gets every method, and OpenAPI 3.1 has no name for some, such as QUERY.
      without: ["unsupported_method"],
    }));
});
