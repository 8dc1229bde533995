// Contract, "Limits" of a whole fleet: advertised hints and their text. The other limits are in heartbeat-fields and heartbeat-order.
import { expect, test } from "vitest";
import { expectProblem, sharedRouter, validBeat } from "../support/conformance.ts";

const router = sharedRouter({ HEARTBEAT_RATE_MAX: "100000", HEARTBEAT_INTERVAL_MS: "60000" });

/** Hints of exactly `length` characters, different ones for each replica. */
function hintsOf(replica: number, count: number, length: number): string[] {
  return Array.from({ length: count }, (_, n) => `${replica}.${n}.`.padEnd(length, "h"));
}

/** Joins one replica for each list of hints, a few at a time. */
async function fill(app: string, lists: readonly (readonly string[])[]): Promise<void> {
  const rest = [...lists.entries()];
  const one = async () => {
    for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
      await router().join(validBeat(app, { replica: `r${next[0]}`, hints: next[1] }));
    }
  };
  await Promise.all(Array.from({ length: 8 }, one));
}

test("LIMIT-1 200,000 advertised hints an app, then 422 fleet_full", async () => {
  const app = "many-hints";
  const lists = Array.from({ length: 781 }, (_, n) => hintsOf(n, 256, 9));
  await fill(app, [...lists, hintsOf(781, 64, 9)]);
  const more = await router().beat(validBeat(app, { replica: "more", hints: ["one-more"] }));
  expectProblem(more, 422, "fleet_full");
  const known = await router().beat(validBeat(app, { replica: "r781", hints: hintsOf(781, 65, 9) }));
  expectProblem(known, 422, "fleet_full");
  expect((await router().beat(validBeat(app, { replica: "more" }))).status).toBe(200);
  expect((await router().beat(validBeat(app, { replica: "r781", hints: hintsOf(999, 64, 9) }))).status).toBe(200);
  await router().join(validBeat(app, { replica: "r0", hints: [] }));
  expect((await router().beat(validBeat(app, { replica: "more", hints: ["one-more"] }))).status).toBe(200);
});

test("LIMIT-2 16 MiB of hint text an app, then 422 fleet_full", async () => {
  const app = "long-hints";
  const perReplica = 64;
  const lists = Array.from({ length: (16 * 1024 * 1024) / (perReplica * 512) }, (_, n) => hintsOf(n, perReplica, 512));
  await fill(app, lists);
  expectProblem(await router().beat(validBeat(app, { replica: "more", hints: ["h"] })), 422, "fleet_full");
  await router().join(validBeat(app, { replica: "r0", status: "stopped" }));
  expect((await router().beat(validBeat(app, { replica: "more", hints: ["h"] }))).status).toBe(200);
});
