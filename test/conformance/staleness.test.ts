// Contract, "Heartbeat": incarnation and sequence, which reports are late, and for how long.
import { describe, expect, test } from "vitest";
import { keepBeating } from "../support/beating.ts";
import { expectProblem, freshApp, sharedRouter, validBeat } from "../support/conformance.ts";
import { holdAnswers } from "../support/held.ts";
import { TestReplica } from "../support/replica.ts";
import type { Reply } from "../support/router.ts";
import { until } from "../support/until.ts";

/** A time to live of minutes: nothing expires by itself. */
const router = sharedRouter({ HEARTBEAT_INTERVAL_MS: "60000" });
/** A time to live of 750 ms. */
const brief = sharedRouter({ HEARTBEAT_INTERVAL_MS: "250" });

function expectStale(reply: Reply, known: Record<string, unknown>): void {
  expectProblem(reply, 409, "stale_heartbeat");
  const text = JSON.stringify(reply.json());
  for (const [name, value] of Object.entries(known)) expect(text).toContain(`"${name}":${JSON.stringify(value)}`);
}

const beat = (app: string, change: Record<string, unknown>) => router().beat(validBeat(app, change));

describe("sequence", () => {
  test("STALE-1 not above the last: 409 with the known values", async () => {
    const app = freshApp();
    await router().join(validBeat(app, { incarnation: 3, sequence: 5, hints: ["new"] }));
    for (const sequence of [5, 4, 0]) {
      expectStale(await beat(app, { incarnation: 3, sequence, hints: ["old"] }), { incarnation: 3, sequence: 5 });
    }
    expect((await router().view(app)).replicas[0]?.hints).toEqual(["new"]);
    expect((await beat(app, { incarnation: 3, sequence: 6 })).status).toBe(200);
  });

  test("STALE-1 gaps do not matter", async () => {
    const app = freshApp();
    await router().join(validBeat(app, { sequence: 0 }));
    expect((await beat(app, { sequence: 2 ** 53 - 1 })).status).toBe(200);
    expectStale(await beat(app, { sequence: 2 ** 53 - 2 }), { incarnation: 0, sequence: 2 ** 53 - 1 });
  });

  test("STALE-2 without a sequence the order of arrival counts", async () => {
    const app = freshApp();
    for (const hints of [["a"], ["b"], ["a"]]) {
      await router().join(validBeat(app, { hints }));
      expect((await router().view(app)).replicas[0]?.hints).toEqual(hints);
    }
  });

  test("STALE-3 sequences are of one replica each", async () => {
    const app = freshApp();
    await router().join(validBeat(app, { replica: "a", sequence: 9 }));
    expect((await beat(app, { replica: "b", sequence: 1 })).status).toBe(200);
  });

  test("STALE-1 a refused report does not keep a replica alive, nor change anything", async () => {
    const app = freshApp();
    await router().join(validBeat(app, { sequence: 5, concurrency: 4 }));
    const before = (await router().view(app)).replicas[0];
    await until(
      "time passes",
      async () => ((await router().view(app)).replicas[0]?.expires_in_ms ?? 0) < (before?.expires_in_ms ?? 0),
    );
    const passed = (await router().view(app)).replicas[0];
    expect((await beat(app, { sequence: 5, concurrency: 9, status: "stopped" })).status).toBe(409);
    const after = (await router().view(app)).replicas[0];
    expect(after).toMatchObject({ concurrency: 4, status: "ready" });
    expect(after?.expires_in_ms).toBeLessThanOrEqual(passed?.expires_in_ms ?? 0);
  });
});

describe("incarnation", () => {
  test("STALE-4 a lower one is 409 with the known values, with or without a sequence", async () => {
    const app = freshApp();
    await router().join(validBeat(app, { incarnation: 5, sequence: 1 }));
    expectStale(await beat(app, { incarnation: 4, sequence: 100 }), { incarnation: 5, sequence: 1 });
    expectStale(await beat(app, { incarnation: 4 }), { incarnation: 5 });
    expectStale(await beat(app, {}), { incarnation: 5 });
    expectStale(await beat(app, { incarnation: 4, status: "stopped" }), { incarnation: 5 });
  });

  test("STALE-5 a higher one replaces all: sequence, hints, status, slots taken", async () => {
    const held = holdAnswers();
    await using replica = await TestReplica.start(held.answer);
    const app = freshApp();
    const says = { app, replica: "r1", origin: replica.origin };
    await router().join({ ...says, incarnation: 1, sequence: 50, hints: ["old"], concurrency: 1 });
    const old = router().send(`/${app}/x`);
    await until("the slot is taken", () => held.holding === 1);
    await router().join({ ...says, incarnation: 2, sequence: 1 });
    expect((await router().view(app)).replicas).toMatchObject([{ hints: null, in_flight: 0, served: 0 }]);
    const fresh = router().send(`/${app}/x`);
    await until("the new process is sent a request", () => held.holding === 2);
    held.releaseAll();
    for (const reply of await Promise.all([old, fresh])) expect(reply.status).toBe(200);
  });
});

describe("after a replica has gone, for one time to live", () => {
  test("STALE-6 stopped: late reports are 409, the same incarnation may return with a later sequence", async () => {
    const app = freshApp();
    await router().join(validBeat(app, { incarnation: 2, sequence: 5 }));
    await router().join(validBeat(app, { incarnation: 2, sequence: 6, status: "stopped" }));
    expectStale(await beat(app, { incarnation: 2, sequence: 6 }), { incarnation: 2, sequence: 6 });
    expectStale(await beat(app, { incarnation: 1, sequence: 9 }), { incarnation: 2, sequence: 6 });
    expect((await beat(app, { incarnation: 2, sequence: 7 })).status).toBe(200);
  });

  test("STALE-6 stopped without a sequence: the last known one still counts", async () => {
    const app = freshApp();
    await router().join(validBeat(app, { sequence: 5 }));
    await router().join(validBeat(app, { status: "stopped" }));
    expect((await beat(app, { sequence: 4 })).status).toBe(409);
  });

  test("STALE-6 stopped again with a later sequence: that is the last one", async () => {
    const app = freshApp();
    await router().join(validBeat(app, { sequence: 5 }));
    await router().join(validBeat(app, { sequence: 6, status: "stopped" }));
    await router().join(validBeat(app, { sequence: 8, status: "stopped" }));
    expect((await beat(app, { sequence: 7 })).status).toBe(409);
  });

  test("STALE-7 DELETE: that incarnation is refused, whatever its sequence; a higher one is welcome", async () => {
    const app = freshApp();
    await router().join(validBeat(app, { incarnation: 2, sequence: 5 }));
    expect((await router().admin(`/-/apps/${app}/replicas/r1`, "DELETE")).status).toBe(200);
    expectStale(await beat(app, { incarnation: 2, sequence: 6 }), { incarnation: 2, sequence: 5 });
    expectStale(await beat(app, { incarnation: 2 }), { incarnation: 2 });
    expectStale(await beat(app, { incarnation: 1 }), { incarnation: 2 });
    expect((await beat(app, { incarnation: 3 })).status).toBe(200);
  });

  test("STALE-7 DELETE while an incarnation is at work there and stopped since: the lower one stays refused", async () => {
    const app = freshApp();
    await router().join(validBeat(app, { incarnation: 2 }));
    await router().admin(`/-/apps/${app}/replicas/r1`, "DELETE");
    await router().join(validBeat(app, { incarnation: 3 }));
    await router().join(validBeat(app, { incarnation: 3, status: "stopped" }));
    expectStale(await beat(app, { incarnation: 2 }), { incarnation: 3 });
  });

  test.each(["stopped", "DELETE", "expiry"])(
    "STALE-8 %s: after one time to live an old report is believed again",
    async (how) => {
      const app = freshApp();
      await using other = await TestReplica.start();
      await using _others = await keepBeating(brief(), { app, replica: "other", origin: other.origin });
      await brief().join(validBeat(app, { incarnation: 2, sequence: 5 }));
      if (how === "stopped") await brief().join(validBeat(app, { incarnation: 2, sequence: 6, status: "stopped" }));
      if (how === "DELETE") await brief().admin(`/-/apps/${app}/replicas/r1`, "DELETE");
      const old = () => brief().beat(validBeat(app, { incarnation: 1, sequence: 1 }));
      await until("it is believed", async () => (await old()).status === 200);
      expect((await brief().view(app)).replicas.map(({ replica }) => replica).sort()).toEqual(["other", "r1"]);
    },
  );
});
