// The rule that few requests fail while healthy replicas stand: what it counts, what it excuses, and that it can't pass for want of requests.
import { expect, test } from "vitest";
import { check } from "../../bench/chaos/check/check.ts";
import type { CrowdFigures } from "../../bench/chaos/check/crowds.ts";
import { FAULT_KINDS, FAULTS, type FaultKind } from "../../bench/chaos/faults.ts";
import { REPLICAS, WIDE_REPLICAS } from "../../bench/chaos/settings.ts";
import { scheduleOf } from "../../bench/chaos/schedule.ts";
import { hashName, ranked } from "../../src/routing/rendezvous.ts";
import { came, fault, goodHistory, ran, refusal, request, type Draft } from "./histories.ts";

const FEW = "few requests fail while healthy replicas stand";
const BEGAN_MS = 10_000;
const EVERY_MS = 20;
const REQUESTS = 210;
const FROM_THE_FIRST = Array.from({ length: 10 }, (_, index) => index);

/** A period in which r2 answers 500 at once: these of its crowd's requests fail there, and r4 serves the others. */
function period(history: Draft, failing: readonly number[], { beganMs = BEGAN_MS, kind = "fails_fast" as FaultKind } = {}): void {
  const hint = `c${history.injected.length}`;
  history.injected.push(fault(kind, "r2", beganMs, beganMs + REQUESTS * EVERY_MS, hint));
  for (let index = 0; index < REQUESTS; index++) {
    const sending = request(`${hint}.${index}`, "crowd", hint);
    const atMs = beganMs + index * EVERY_MS;
    const fails = failing.includes(index);
    const change = fails ? { status: 500, proof: null } : {};
    const ends = { endedMs: atMs + 5, headersMs: atMs + 4 };
    history.sent.push({ sending, came: came(sending, fails ? "r2" : "r4", atMs, { ...change, ...ends }) });
    const its = { headersMs: atMs + 3, lastSentMs: atMs + 3, endedMs: atMs + 3 };
    history.runs.push(
      ran(sending, fails ? "r2" : "r4", atMs + 1, { ...its, ...(fails ? { status: 500, trouble: "status_500" } : {}) }),
    );
  }
}

function judged(doctor: (history: Draft) => void): { readonly rules: string[]; readonly figures: CrowdFigures | undefined } {
  const history = goodHistory();
  doctor(history);
  const { violations, crowds } = check(history);
  return { rules: [...new Set(violations.map(({ rule }) => rule))], figures: crowds[0] };
}

test("what fails while the router learns does not count, from the first request on that met the fault", () => {
  const { rules, figures } = judged((history) => period(history, [...FROM_THE_FIRST.map((index) => index + 50)]));
  expect(rules).toEqual([]);
  expect(figures).toEqual({
    ...{ kind: "fails_fast", periods: 1, requests: REQUESTS, felt: 10, failed_learning: 10 },
    ...{ excused: 0, turned_away: 0, judged: REQUESTS - 10, failed: 0 },
  });
});

test.each([
  [5, []],
  [6, [FEW]],
])("%i of 200 judged requests fail: %j", (count, expected) => {
  const later = Array.from({ length: count }, (_, index) => 100 + index * 10);
  const { rules, figures } = judged((history) => period(history, [...FROM_THE_FIRST, ...later]));
  expect(figures).toMatchObject({ judged: 200, failed: count });
  expect(rules).toEqual(expected);
});

test("what is said of it names the fault, the request, the replica and the times", () => {
  const history = goodHistory();
  period(
    history,
    Array.from({ length: 100 }, (_, index) => index),
  );
  const [violation] = check(history).violations;
  expect(violation?.what).toContain(
    "fails_fast alpha r2 c0 10.000 to 14.200 s: 90 of 200 judged requests failed, at most 12 may",
  );
  expect(violation?.what).toContain("c0.10, crowd for alpha c0: 500 after 5 ms (hint_match); ran at alpha r2 10.201");
});

test("at replicas that take many requests at once what was sent before a failure could be known does not count", () => {
  const wide = (history: Draft) => {
    history.replicas = [...WIDE_REPLICAS];
    // The first is over at 10.003 s, and 300 ms later the router may know.
    period(
      history,
      Array.from({ length: 20 }, (_, index) => index),
    );
  };
  const { rules, figures } = judged(wide);
  expect(rules).toEqual([]);
  expect(figures).toMatchObject({ failed_learning: 16, failed: 4 });
});

test.each<[string, (history: Draft) => void]>([
  ["the object restarted", ({ injected }) => injected.push(fault("object_crashes", "", BEGAN_MS - 1000, BEGAN_MS + 4000))],
  ["the app was flooded", ({ injected }) => injected.push(fault("burst", "", BEGAN_MS, BEGAN_MS + 200))],
  [
    "only one replica was healthy",
    ({ injected }) => injected.push(...["r1", "r3"].map((replica) => fault("slow", replica, BEGAN_MS, BEGAN_MS + 5000))),
  ],
])("requests are not judged while %s", (_, trouble) => {
  const { rules, figures } = judged((history) => {
    period(
      history,
      Array.from({ length: REQUESTS }, (_each, index) => index),
    );
    trouble(history);
  });
  expect(rules).toEqual([]);
  expect(figures).toMatchObject({ judged: 0, excused: REQUESTS - 10 });
});

test("another replica's fault is no excuse for this one's", () => {
  const { rules } = judged((history) => {
    period(
      history,
      Array.from({ length: REQUESTS }, (_, index) => index),
    );
    history.injected.push(fault("errs", "r3", BEGAN_MS, BEGAN_MS + 5000));
  });
  expect(rules).toEqual([FEW]);
});

test("what fails at another replica by that one's fault is not counted here", () => {
  const { rules, figures } = judged((history) => {
    period(
      history,
      Array.from({ length: 100 }, (_, index) => index),
    );
    history.runs = history.runs.map((run) => (run.replica === "r2" ? { ...run, replica: "r3" } : run));
    history.sent = history.sent.map((line) => {
      const { sending, came: its } = line;
      return its?.status === 500 ? { sending, came: { ...its, headers: { "x-fal-served-from": "r3" } } } : line;
    });
    history.injected.push(fault("errs", "r3", BEGAN_MS, BEGAN_MS + 5000));
  });
  expect(rules).toEqual([]);
  expect(figures).toMatchObject({ failed: 0, excused: 100, judged: REQUESTS - 100, felt: 0 });
});

test("a crowd that is turned away is not served", () => {
  const { rules } = judged((history) => {
    period(history, []);
    const refused = refusal(429, "queue_full", "The queue is full: 60 requests are waiting.");
    history.sent = history.sent.map(({ sending, came: its }) => {
      return { sending, came: its === null || sending.kind !== "crowd" ? its : { ...its, ...refused } };
    });
  });
  expect(rules).toContain("a crowd is not turned away");
});

test("a kind that happens again and again must be felt and judged", () => {
  const thrice = (history: Draft) => {
    for (const beganMs of [10_000, 20_000, 30_000]) period(history, [], { beganMs });
  };
  expect(judged(thrice).rules).toEqual(["a fault that happens is felt"]);
  const excused = judged((history) => {
    thrice(history);
    history.injected.push(fault("all_stop", "", 9000, 40_000));
  });
  expect(excused.rules).toEqual(["a fault that happens is felt", "a crowd is judged"]);
});

test("each crowd has a hint of its own that its replica owns, and other faults leave it two healthy replicas", () => {
  const { faults, requests } = scheduleOf({ seed: 3, forMs: 180_000, faultEveryMs: 400 });
  const crowding = faults.filter(({ kind }) => FAULTS[kind].crowd !== null);
  expect(new Set(crowding.map(({ hint }) => hint)).size).toBe(crowding.length);
  expect([...new Set(crowding.map(({ kind }) => kind))].toSorted()).toEqual(
    FAULT_KINDS.filter((kind) => FAULTS[kind].crowd !== null).toSorted(),
  );
  for (const { app, replica, hint, atMs, forMs } of crowding) {
    const all = REPLICAS.filter((shape) => shape.app === app).map((shape) => {
      return { ...shape, hash: hashName(shape.replica), weight: shape.concurrency };
    });
    expect(ranked(hashName(hint), all)[0]?.replica).toBe(replica);
    const felt = faults.filter((other) => other.app === app && other.atMs < atMs + forMs && endOf(other) > atMs);
    expect(new Set(felt.map((other) => other.replica))).not.toContain("");
    expect(new Set(felt.map((other) => other.replica)).size).toBeLessThanOrEqual(2);
    const its = requests.filter(({ sending }) => sending.asked.hint === hint);
    expect(its.length).toBeGreaterThan(100);
    expect(its.every((each) => each.atMs >= atMs && each.atMs < atMs + forMs)).toBe(true);
  }
  function endOf({ kind, atMs, forMs }: (typeof faults)[number]): number {
    return atMs + forMs + FAULTS[kind].lingersMs;
  }
});
