// What every policy keeps, whatever it prefers: run it over a policy of your own in one line. Random histories of a small fleet are played to the real
// scheduler, and every pick on the way is looked at. Who may have a request is asked of policy/candidates.ts, which has tests of its own.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { explain } from "../../../src/views/explain.ts";
import { isIneligible, isPanicking } from "../../../src/routing/health/ejection.ts";
import type { Failure } from "../../../src/routing/health/outcome.ts";
import type { Fleet } from "../../../src/routing/ledger/fleet.ts";
import type { Arrival, RequestClass } from "../../../src/routing/ledger/queue.ts";
import { isReady, loadOf } from "../../../src/routing/ledger/replica.ts";
import { endWithheld } from "../../../src/routing/ledger/residency.ts";
import { answered, failed, finish } from "../../../src/routing/lifecycle.ts";
import { LIMITS } from "../../../src/routing/limits.ts";
import { eligibleFor, eligibleToLoad, isServing } from "../../../src/routing/policy/candidates.ts";
import type { Pick, Policy, Send, View } from "../../../src/routing/policy/policy.ts";
import { expire } from "../../../src/routing/registry.ts";
import { createScheduler, dispatch, enqueue, type EnqueueResult, type Scheduler } from "../../../src/routing/scheduler.ts";
import { driver } from "../support/driver.ts";
import { ERROR, UNAVAILABLE, UNREACHABLE } from "../support/failing.ts";
import { arrival, brief, fullPicture, hears, TTL_MS, type Said } from "../support/fleets.ts";
import { seeded } from "../support/seeded.ts";

export interface Contract {
  /** No slot stays idle while a request waits that could have it. */
  readonly neverWaits: boolean;
  /** Whoever waits is sent in the end, also while others always come. */
  readonly nobodyStarves: boolean;
}

const OPTIONS = { queueLengthMax: 20, coldStartMs: 2000 };
const HINTS = ["v", "w", "x", "y"];
const IDS = ["a", "b", "c", "d"];
const FAILURES: readonly Failure[] = [ERROR, UNREACHABLE, UNAVAILABLE];

type Step =
  | readonly ["report", string, Said]
  /** The replica has failed the hint too often. */
  | readonly ["fails", string, hint: string]
  | readonly ["request", Omit<Arrival, "arrivedAtMs" | "deadlineMs" | "queueLengthMax">, timeoutMs: number]
  /** A request that runs fails, is answered, is over. */
  | readonly ["fail" | "answer" | "end" | "wait", number];

const said = fc.record({
  status: fc.constantFrom("ready", "ready", "ready", "ready", "starting", "draining", "stopped"),
  concurrency: fc.integer({ min: 1, max: 2 }),
  hints: fc.option(fc.subarray(HINTS)),
  hintSlots: fc.option(fc.nat({ max: 2 })),
});
const request = fc.record({
  hints: fc.shuffledSubarray(HINTS, { maxLength: 2 }),
  avoid: fc.oneof({ weight: 4, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: fc.subarray(IDS) }),
  priority: fc.constantFrom("normal", "normal", "high", "low"),
  declaredMs: fc.constantFrom(null, null, 400, 9000),
});
const timeout = fc.constantFrom(3000, 20_000, 60_000);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(fc.constant("report" as const), fc.constantFrom(...IDS), said) },
  { weight: 1, arbitrary: fc.tuple(fc.constant("fails" as const), fc.constantFrom(...IDS), fc.constantFrom(...HINTS)) },
  { weight: 6, arbitrary: fc.tuple(fc.constant("request" as const), request, timeout) },
  { weight: 4, arbitrary: fc.tuple(fc.constantFrom("answer" as const, "end" as const, "fail" as const), fc.nat({ max: 9 })) },
  { weight: 2, arbitrary: fc.tuple(fc.constant("wait" as const), fc.constantFrom(1, 100, 1900, 16_000)) },
);
const histories = fc.array(step, { minLength: 5, maxLength: 40, size: "max" });

export function policyContract(name: string, make: () => Policy, contract: Contract): void {
  describe(`${name} keeps the contract`, () => {
    test("each pick is one that may be, and changes nothing", () => {
      const seen = new Set<string>();
      fc.assert(
        fc.property(histories, (steps) => {
          const history = new History(make(), contract, seen);
          for (const its of steps) history.does(its);
        }),
        seeded(250),
      );
      expect([...seen].toSorted()).toEqual([...(contract.neverWaits ? [] : ["hold"]), "null", "send cold", "send warm"]);
    });

    test("everybody who waits is sent, while slots free and nobody comes", () => {
      fc.assert(
        fc.property(histories, (steps) => {
          const history = new History(make(), contract);
          for (const its of steps) history.does(its);
          history.drains();
        }),
        seeded(150),
      );
    });

    if (contract.nobodyStarves) {
      test.each(["long", "cold"])("one for a %s hint is sent in the end, however many short ones always come", (hint) => {
        const fleet = driver({ a: { hints: ["short", "long"], hintSlots: 2 } }, make());
        fleet.teaches("short", 100, 30);
        fleet.teaches("long", 60_000, 30);
        fleet.arrives(1, ["short"]);
        fleet.arrives(2, [hint], 0, { deadlineMs: Infinity });
        for (let now = 200, id = 3; fleet.waiting().includes(2) && now < 4_000_000; now += 200) {
          while (fleet.waiting().length < 5) fleet.arrives(id++, ["short"], now, { deadlineMs: Infinity });
          const [running] = fleet.its.fleet.grants.keys();
          if (running !== undefined) fleet.served(running, now);
          fleet.dispatches(now);
        }
        expect(fleet.waiting()).not.toContain(2);
      });
    }

    test("the same happens again, in the same way", () => {
      const logOf = (steps: readonly Step[]) => {
        const history = new History(make(), contract);
        for (const its of steps) history.does(its);
        return history.log;
      };
      fc.assert(
        fc.property(histories, (steps) => {
          expect(logOf(steps)).toEqual(logOf(steps));
        }),
        seeded(60),
      );
    });

    test("`explain` tells what `enqueue` does, and changes nothing", () => {
      const told = new Set<string>();
      fc.assert(
        fc.property(histories, fc.shuffledSubarray(HINTS, { maxLength: 3 }), (steps, hints) => {
          const history = new History(make(), contract);
          for (const its of steps) history.does(its);
          told.add(explains(history.scheduler, hints, history.now));
        }),
        seeded(300),
      );
      expect([...told].toSorted()).toEqual([
        "granted",
        "refused",
        "waiting",
        ...(contract.neverWaits ? [] : ["waiting beside a slot"]),
      ]);
    });
  });
}

/** A fleet to which things happen, under a policy whose every pick is looked at. */
class History {
  readonly scheduler: Scheduler;
  now = 0;
  /** What became of each request, in order. */
  readonly log: string[] = [];
  readonly #contract: Contract;
  readonly #ended = new Set<number>();
  #nextId = 1;

  constructor(policy: Policy, contract: Contract, seen = new Set<string>()) {
    this.#contract = contract;
    this.scheduler = createScheduler(
      {
        pick: (view, classes, now) => {
          const all = [...classes];
          const before = fullPicture(this.scheduler);
          const pick = policy.pick(view, all, now);
          expect(briefOf(policy.pick(view, all, now), all)).toEqual(briefOf(pick, all));
          expect(fullPicture(this.scheduler)).toEqual(before);
          expect(faultOf(view, all, pick, now, contract)).toBeNull();
          seen.add(wordOf(view, pick, now));
          return pick;
        },
        weigh: (view, replica) => policy.weigh(view, replica),
      },
      OPTIONS.coldStartMs,
    );
  }

  does([what, its, rest]: Step): void {
    const { scheduler, now } = this;
    switch (what) {
      case "report":
        hears(scheduler.fleet, its, rest, now);
        break;
      case "fails": {
        const replica = scheduler.fleet.replicas.get(its);
        if (replica !== undefined) scheduler.fleet.hintFailures.failed(replica, rest, 1, now, now);
        break;
      }
      case "request": {
        const id = this.#nextId++;
        const comes = arrival(its.hints, now, { ...its, deadlineMs: now + rest });
        this.#told(id, enqueue(scheduler, OPTIONS, id, comes, now));
        break;
      }
      case "wait":
        expire(scheduler, TTL_MS, (this.now += its));
        break;
      default:
        this.#tells(what, its);
    }
    this.#dispatches();
  }

  /** Every replica is ready and all that runs is served, again and again. */
  drains(): void {
    const { queue } = this.scheduler;
    for (const request of queue.waiting.values()) Object.assign(request, { deadlineMs: Infinity });
    queue.nextDeadlineMs = Infinity;
    // An ejection lasts at most five minutes.
    for (let rounds = 0; queue.waiting.size > 0 && rounds < 700; rounds++) {
      for (const id of IDS) hears(this.scheduler.fleet, id, { hints: [], hintSlots: 2 }, this.now);
      this.does(["wait", 500]);
      for (const id of this.scheduler.fleet.grants.keys()) {
        answered(this.scheduler, id, { kind: "success", hints: null }, this.now);
        finish(this.scheduler, id, this.now);
      }
      this.#dispatches();
    }
    expect([...queue.waiting.keys()]).toEqual([]);
  }

  #tells(what: "fail" | "answer" | "end", which: number): void {
    const running = [...this.scheduler.fleet.grants.keys()];
    const id = running[which % running.length];
    if (id === undefined) return;
    if (what === "answer") answered(this.scheduler, id, { kind: "success", hints: null }, this.now);
    else if (what === "fail") failed(this.scheduler, id, FAILURES[which % FAILURES.length] ?? ERROR, null, this.now);
    if (what !== "answer") finish(this.scheduler, id, this.now);
  }

  #dispatches(): void {
    const { scheduler, now } = this;
    for (const [id, outcome] of dispatch(scheduler, OPTIONS, now)) this.#told(id, outcome);
    expect(doubleLoads(scheduler.fleet, now)).toEqual([]);
    const couldGo = [...scheduler.queue.classes.values()].filter((its) => couldBeSent(scheduler, its, now));
    if (couldGo.length === 0) return;
    expect(this.#contract.neverWaits).toBe(false);
    expect(scheduler.lookAgainMs).toBeGreaterThan(now);
    expect(scheduler.lookAgainMs).toBeLessThanOrEqual(now + LIMITS.lookAgainMs);
  }

  #told(id: number, result: EnqueueResult): void {
    if (result.kind === "waiting") return;
    expect(this.#ended.has(id)).toBe(false);
    this.#ended.add(id);
    this.log.push(`${this.now} ${id} ${brief(result)}`);
  }
}

/** Hints that a replica loads for two requests at once, and of which it has not failed too many. */
function doubleLoads({ grants, hintFailures }: Fleet, now: number): string[] {
  const seen = new Set<string>();
  const double: string[] = [];
  for (const { replica, hint, warmth, answered, failed: hasFailed } of grants.values()) {
    if (hint === null || warmth !== "cold" || answered || hasFailed) continue;
    const load = `${hint} on ${replica.id} ${replica.incarnation}`;
    if (seen.has(load) && hintFailures.barredUntilMs(replica, hint, now) === 0) double.push(load);
    seen.add(load);
  }
  return double;
}

/** Of many that wait it does not matter whose times are told. */
function briefOf(pick: Pick, classes: readonly RequestClass[]): unknown {
  if (pick?.kind === "send") return [pick.request.id, pick.replica.id, pick.hint];
  return pick === null || classes.length === 1 ? pick : [pick.kind, pick.lookAgainAtMs];
}

function wordOf({ fleet }: View, pick: Pick, now: number): string {
  if (pick?.kind !== "send") return pick?.kind ?? "null";
  return pick.hint === null || isServing(fleet, pick.replica, pick.hint, now) ? "send warm" : "send cold";
}

/** Whether a slot is free that a request of the class may have. */
function couldBeSent({ fleet }: View, its: RequestClass, now: number): boolean {
  const eligible = eligibleFor(fleet, its, now);
  const [first] = its.hints;
  const able = first === undefined ? eligible : eligibleToLoad(fleet, first, eligible, now);
  const serves = its.hints.map(
    (hint) => (replica: Parameters<typeof able>[0]) => eligible(replica) && isServing(fleet, replica, hint, now),
  );
  return [...fleet.free].some((replica) => able(replica) || serves.some((is) => is(replica)));
}

/** What is wrong with the pick; null: nothing. */
function faultOf(view: View, classes: readonly RequestClass[], pick: Pick, now: number, { neverWaits }: Contract): string | null {
  if (pick?.kind === "send") return faultOfSend(view, classes, pick, now);
  const could = classes.some((its) => couldBeSent(view, its, now));
  if (pick === null) return could ? "nothing is sent, though a slot is free" : null;
  if (neverWaits) return "a slot is held";
  return pick.lookAgainAtMs > now ? null : "it looks again in the past";
}

function faultOfSend(
  { fleet, queue }: View,
  classes: readonly RequestClass[],
  { request, replica, hint }: Send,
  now: number,
): string | null {
  const { hints, avoid } = request;
  if (queue.waiting.get(request.id) !== request) return "who is sent does not wait";
  if (!classes.some(({ waiting }) => waiting.includes(request))) return "who is sent was not asked about";
  if (fleet.replicas.get(replica.id) !== replica || !isReady(replica)) return "it is not ready";
  if (loadOf(replica) >= replica.concurrency) return "it has no free slot";
  if (avoid.includes(replica.id)) return "the request has failed there";
  const sound = [...(isPanicking(fleet) ? fleet.free : fleet.replicas.values())].some(
    (other) => isReady(other) && !avoid.includes(other.id) && !isIneligible(other, now),
  );
  if (sound && isIneligible(replica, now)) return "it is ejected, and others are not";
  if (hint === null) return hints.length === 0 ? null : "it is sent for no hint";
  if (!hints.includes(hint)) return "it is sent for a hint that it does not want";
  if (isServing(fleet, replica, hint, now)) return null;
  if (hint !== hints[0]) return "it loads a hint that is not its first";
  if (!eligibleToLoad(fleet, hint, eligibleFor(fleet, request, now), now)(replica)) return "it has failed to load the hint";
  return null;
}

/** Compares what is told with what then happens; gives that. */
function explains(scheduler: Scheduler, hints: readonly string[], now: number): string {
  // As with every arrival.
  endWithheld(scheduler.fleet, now);
  const before = fullPicture(scheduler);
  const told = explain(scheduler, OPTIONS, hints, now);
  expect(explain(scheduler, OPTIONS, hints, now)).toEqual(told);
  expect(fullPicture(scheduler)).toEqual(before);
  const { decision, waiting, candidates } = told;
  expect(waiting).toBe(scheduler.queue.waiting.size);
  const result = enqueue(scheduler, OPTIONS, 1000, arrival(hints, now, { deadlineMs: Infinity }), now);
  const chosen = candidates.filter((candidate) => candidate.chosen);
  expect(chosen.map(({ passed_over }) => passed_over)).toEqual(chosen.map(() => null));
  expect(chosen.map(({ replica }) => replica)).toEqual(result.kind === "granted" ? [result.grant.replica.id] : []);
  switch (result.kind) {
    case "granted":
      const warm = result.reason !== "hash_owner" && result.reason !== "hash_spill";
      expect(decision).toEqual({ outcome: "grant", replica: result.grant.replica.id, reason: result.reason, warm });
      return result.kind;
    case "refused":
      expect(decision).toEqual({ outcome: "refuse", error_type: result.refusal.kind });
      return result.kind;
    case "waiting":
      expect(decision).toMatchObject({ outcome: "wait" });
      if (decision.outcome !== "wait" || decision.expected_wait_s === null) return result.kind;
      expect(decision.expected_wait_s).toBeLessThanOrEqual(decision.worth_waiting_s ?? 0);
      expect(scheduler.lookAgainMs).toBeLessThan(Infinity);
      return "waiting beside a slot";
  }
}
