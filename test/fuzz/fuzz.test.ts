// The fuzzer with one fixed seed (`npm run fuzz` sends more), and that it notices what must not happen.
import { expect, test } from "vitest";
import { TOKEN } from "../support/router.ts";
import { BEATS_ORIGIN, MARK, requestBytes, SERVED, type Input } from "./input.ts";
import { tables } from "./report.ts";
import { run, sendAll } from "./run.ts";
import { smallest } from "./smallest.ts";
import { CRASH, World } from "./world.ts";

const COUNT = 6000;
const SEED = 1;

test("6000 malformed inputs: each gets an answer that it may get, and nothing else happens", { timeout: 120_000 }, async () => {
  const report = await run({ count: COUNT, seed: SEED });
  expect(report.violations, tables(report, SEED)).toEqual([]);
  expect(report.sent).toBe(COUNT);
});

/** One that claims to be for `target`. */
function input(bytes: Buffer): Input {
  const marked = { number: 7, target: "/run" };
  return { kind: "header", fault: "none", bytes, allowed: SERVED, head: false, alone: false, marked };
}

test("a request at another replica, a changed fleet and a line in the log are noticed, each once", async () => {
  await using world = await World.start();
  const elsewhere = input(requestBytes({ target: "/bystander/other", lines: [`${MARK}: 7`] }));
  const results = await sendAll(world.router.port, [elsewhere], () => {});
  expect(results).toMatchObject([{ outcomes: ["200 from b1"] }]);
  await world.router.join({ app: "beats", replica: "h1", origin: BEATS_ORIGIN, status: "draining" });
  world.router.log.push("something went wrong");
  const faults = await world.faults(results);
  expect(faults).toContain("arrival: b1 got a request of kind header");
  expect(faults).toContain("arrival: target /other instead of /run");
  expect(faults).toContain("log: something went wrong");
  expect(faults).toContain("state: beats.replicas.0.status changed");
  await world.faults([]);
  expect(await world.faults([])).toEqual([]);
});

test("a router that has ended is a crash", async () => {
  await using world = await World.start();
  const { port } = world.router;
  await world.router.process.stop();
  const results = await sendAll(port, [input(requestBytes({ target: "/target/run" }))], () => {});
  expect(results).toEqual([]);
  expect(await world.faults(results)).toEqual([CRASH]);
});

test("of many inputs the one to blame is found, and made smaller", { timeout: 120_000 }, async () => {
  const beat = {
    app: "beats",
    replica: "h1",
    origin: BEATS_ORIGIN,
    hints: ["poison"],
    gpu: "something that does not matter at all",
  };
  const lines = [`authorization: Bearer ${TOKEN}`, `x-own: ${"does not matter ".repeat(20)}`];
  const bad = requestBytes({ method: "POST", target: "/-/heartbeat", lines, body: Buffer.from(JSON.stringify(beat)) });
  const good = requestBytes({ target: "/target/run" });
  const inputs = [good, good, bad, good].map((bytes) => ({ ...input(bytes), marked: null }));
  const culprit = await smallest("state: beats.replicas.0.hints.0 changed", inputs, 6);
  expect(culprit?.bytes.toString()).toContain('"poison"');
  expect(culprit?.bytes.length).toBeLessThan(bad.length);
});
