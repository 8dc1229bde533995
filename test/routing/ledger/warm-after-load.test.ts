// A replica that has loaded a hint, as a successful answer showed, is warm for it until a list that came later says otherwise.
import { describe, expect, test } from "vitest";
import type { AnswerKind } from "../../../src/routing/health/outcome.ts";
import type { Fleet } from "../../../src/routing/ledger/fleet.ts";
import { applyHeartbeat, applyInBandHints } from "../../../src/routing/ledger/membership.ts";
import { heldHints, hintSpace, isWarm } from "../../../src/routing/ledger/replica.ts";
import { LIMITS } from "../../../src/routing/limits.ts";
import { answerGrant, finishGrant } from "../support/failing.ts";
import { beat, fleetWith, hears, known, load, TTL_MS, wants, type Said, decide } from "../support/fleets.ts";
import { violations } from "../support/invariants.ts";

const SAID: Said = { concurrency: 9, hints: ["w"], hintSlots: 3 };

/** `a` loads the hints from time 0 on, each for a request that is answered so, at that time, and over. */
function loaded(hints: readonly string[], said: Said = SAID, kind: AnswerKind = "success", now = 1000): Fleet {
  const fleet = fleetWith({ a: said, b: { concurrency: 9, hints: [] } });
  for (const hint of hints) {
    const grant = load(fleet, "a", hint);
    answerGrant(fleet, grant, now, kind);
    finishGrant(fleet, grant, now);
  }
  expect(violations(fleet, now)).toEqual([]);
  return fleet;
}

const warm = (fleet: Fleet, hint = "x", now = 1_000_000) => isWarm(known(fleet, "a"), hint, now);
const chosen = (fleet: Fleet, hint: string) => {
  const choice = decide(fleet, wants([hint]), 2000);
  return `${choice?.replica.id} ${choice?.reason}`;
};

test.each<[AnswerKind, boolean]>([
  ["success", true],
  ["rejected", false],
  ["unsupported", false],
])("after an answer %s: %s", (kind, expected) => {
  expect(warm(loaded(["x"], SAID, kind))).toBe(expected);
});

test("the next request is sent there, and the hint takes one of its hint slots", () => {
  const fleet = loaded(["x"]);
  expect(chosen(fleet, "x")).toBe("a hint_match");
  const a = known(fleet, "a");
  expect([heldHints(a), hintSpace(a)]).toEqual([2, "free"]);
  const full = loaded(["x", "y"]);
  expect([heldHints(known(full, "a")), hintSpace(known(full, "a"))]).toEqual([3, "full"]);
});

describe("a list denies it", () => {
  const heartbeat = (cameAtMs: number, now: number) => (fleet: Fleet) =>
    void applyHeartbeat(fleet, beat("a", { ...SAID, sequence: null }), TTL_MS, now, cameAtMs);

  test.each<[string, (fleet: Fleet) => unknown, boolean]>([
    ["that came before the answer, though it is applied after it", heartbeat(1000 - LIMITS.newsMs, 1500), true],
    ["that came within the time that news of the answer may take", heartbeat(1001 - LIMITS.newsMs, 1500), false],
    ["that came as the answer did", heartbeat(1000, 1500), false],
    ["that came after it", heartbeat(1001, 1500), false],
    ["in band, with a later answer", (fleet) => applyInBandHints(fleet, known(fleet, "a"), ["w"], 1001), false],
    ["in band, with the same answer", (fleet) => applyInBandHints(fleet, known(fleet, "a"), ["w"], 1000), false],
    ["that has the hint", (fleet) => hears(fleet, "a", { ...SAID, hints: ["x"] }, 1500), true],
    ["that says nothing of hints", (fleet) => hears(fleet, "a", { ...SAID, hints: null }, 1500), true],
  ])("%s: still warm: %#", (_, happens, expected) => {
    const fleet = loaded(["x"]);
    happens(fleet);
    expect([warm(fleet), fleet.holders.has("x")]).toEqual([expected, expected]);
    expect(violations(fleet, 2000)).toEqual([]);
  });
});

test("where a replica does not say how many it holds, they are no more than it could list", () => {
  const hints = Array.from({ length: LIMITS.hintsPerReplica + 1 }, (_, index) => `hint-${index}`);
  const fleet = loaded(hints, { ...SAID, hints: null, hintSlots: null });
  expect(known(fleet, "a").unreported.size).toBe(LIMITS.hintsPerReplica);
  expect([0, 1, LIMITS.hintsPerReplica].map((index) => warm(fleet, `hint-${index}`))).toEqual([false, true, true]);
});
