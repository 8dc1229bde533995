// Bad options are errors at once that name the option, and what can't be sent of a list of hints is left out.
import { expect, test } from "vitest";
import { FleetOptionError, joinFleet, type FleetOptions } from "../../replica/node/index.ts";
import { sendable } from "../../replica/node/hints.ts";

const GOOD: FleetOptions = { app: "a", replica: "r", router: "http://127.0.0.1:1", token: "t", origin: "http://127.0.0.1:2" };

const bad: readonly [option: string, value: unknown][] = [
  ["app", ""],
  ["app", "a/b/c"],
  ["app", undefined],
  ["replica", ".."],
  ["replica", "with space"],
  ["replica", "x".repeat(257)],
  ["router", "warmpath.example.com"],
  ["router", "https://warmpath.example.com/path"],
  ["router", "ftp://warmpath.example.com"],
  ["token", ""],
  ["token", "line\nfeed"],
  ["origin", "https://user@gpu-1.example.com"],
  ["origin", "https://gpu-1.example.com/?q"],
  ["hints", "sdxl"],
  ["hints", ["a,b"]],
  ["hints", ["ok", "é"]],
  ["hints", ["x".repeat(513)]],
  ["hints", Array.from({ length: 257 }, (_, index) => `m${index}`)],
  ["hintSlots", -1],
  ["hintSlots", 257],
  ["hintSlots", 1.5],
  ["concurrency", 0],
  ["concurrency", 10_001],
  ["concurrency", "8"],
  ["inFlight", 3],
  ["status", "draining"],
  ["transport", "udp"],
  ["signingKey", ""],
  ["signingKey", []],
  ["onAdvice", true],
  ["log", "console"],
  ["hint_slots", 3],
];

test.each(bad)("%s: %j", (option, value) => {
  expect.assertions(2);
  try {
    joinFleet({ ...GOOD, [option]: value } as FleetOptions);
  } catch (error) {
    expect(error).toBeInstanceOf(FleetOptionError);
    expect(error).toMatchObject({ option, message: expect.stringMatching(new RegExp(`^${option} `)) as string });
  }
});

test("one slash at the end of a URL does no harm", async () => {
  const member = joinFleet({ ...GOOD, router: "http://127.0.0.1:1/", origin: "http://127.0.0.1:2/", log: () => {} });
  await member.stop();
  expect(member.status).toBe("stopped");
});

test("of a list that a function gives, what can be sent is sent", () => {
  const { hints, faults } = sendable([" sdxl ", "sdxl", "a,b", "", "flux", 3 as unknown as string]);
  expect(hints).toEqual(["sdxl", "flux"]);
  expect(faults).toHaveLength(3);
  const many = sendable(Array.from({ length: 300 }, (_, index) => `m${index}`));
  expect([many.hints.length, many.faults.length]).toEqual([256, 1]);
});
