// What makes each baseline the one it is said to be: the replica it sends to, on fleets small enough to follow by hand.
import { expect, test } from "vitest";
import { seeded } from "../../bench/simulate/random.ts";
import type { Router } from "../../bench/simulate/router.ts";
import { BASELINES } from "../../bench/simulate/routers/index.ts";
import { hashName, ranked } from "../../src/routing/rendezvous.ts";

interface Table {
  readonly router: Router;
  /** Replicas sent to, in order of sending. */
  readonly sent: number[];
  /** Requests for hints that arrive at one time. */
  readonly arrive: (nowMs: number, ...hints: string[]) => void;
}

/** A router for replicas that take one request at once and hold what is given, in three slots each. */
function table(name: string, held: readonly (readonly string[])[]): Table {
  const make = BASELINES[name];
  if (make === undefined) throw new Error(`no baseline is called ${name}`);
  const sent: number[] = [];
  const options = { replicas: held.length, concurrency: 1, random: seeded(1), timeToLiveMs: 1e9, heartbeatMs: 5000 };
  const router = make({ send: (_id, replica) => void sent.push(replica), refuse: () => {} }, options);
  for (const [replica, hints] of held.entries()) {
    router.report({ replica, incarnation: 1, sequence: 1, hints, hintSlots: 3, concurrency: 1, inFlight: 0 }, 0);
  }
  let ids = 0;
  const arrive = (nowMs: number, ...hints: string[]) => {
    for (const hint of hints) router.arrive({ id: ids++, hint, costMs: null }, nowMs);
  };
  return { router, sent, arrive };
}

/** Replicas in the hash order of a hint. */
function orderOf(hint: string, replicas: number): number[] {
  const all = Array.from({ length: replicas }, (_, index) => ({ index, hash: hashName(`replica-${index}`), weight: 1 }));
  return ranked(hashName(hint), all).map(({ index }) => index);
}

const NOTHING = [[], [], [], []];
const order = orderOf("a", 4);
const [owner = 0, second = 0, third = 0] = order;

test.each([
  { name: "least-loaded", sent: [0, 1, 2, 3, 0] },
  // Caps: ceil(factor * k / 4) for the k-th request.
  { name: "bounded-1.25", sent: [owner, second, third, owner, second] },
  // Sticks to where it went last, but goes to the shortest queue while the longest has two more.
  { name: "sglang", sent: [0, 0, 1, 2, 3] },
  // The first is the shortest queue's; the holder it makes may be one deeper.
  { name: "resident-first", sent: [owner, owner, second, second, third] },
  // Never waits for a warm one; the fifth waits as none is free.
  { name: "fal", sent: [0, 1, 2, 3] },
  // A load and a service are thought to take 10 s: half a service is less, one and a half are not.
])("$name spreads five requests for one hint over an empty fleet as $sent", ({ name, sent }) => {
  const { arrive, sent: actual } = table(name, NOTHING);
  arrive(0, "a", "a", "a", "a", "a");
  expect(actual).toEqual(sent);
});

test.each(["fal", "ray-serve", "resident-first"])("%s sends to the free replica that is warm", (name) => {
  const { arrive, sent } = table(name, [["x"], ["y"], ["a"], ["z"]]);
  arrive(0, "a");
  expect(sent).toEqual([2]);
});

test("fal gives the head of the line to the replica that frees, warm or not", () => {
  const { router, arrive, sent } = table("fal", [["a"], ["b"]]);
  arrive(0, "a", "b", "b", "a");
  router.answered(0, { status: 200, hints: ["a"] }, 10);
  router.finished(0, 10);
  expect(sent).toEqual([0, 1, 0]);
});

test("ray serve tries the holders once, then those with the fewest models, and then every half second", () => {
  const { router, arrive, sent } = table("ray-serve", [["a"], ["b"], ["c", "d"]]);
  arrive(0, "a", "a", "a");
  expect(sent).toEqual([0, 1]);
  expect(router.nextEventMs()).toBe(25);
  router.tick(5000);
  router.tick(5000 + 500);
  expect(sent).toEqual([0, 1, 2]);
});
