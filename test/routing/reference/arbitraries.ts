// Random commands, as often as makes histories that get everywhere.
import fc from "fast-check";
import type { Failure } from "../../../src/routing/health/outcome.ts";
import { Command, type Arguments } from "./commands.ts";
import type { CommandName } from "./coverage.ts";
import type { FleetObject } from "./object.ts";
import type { State } from "./state.ts";

const REPLICAS = ["a", "b", "c", "d"];
const HINTS = ["v", "w", "x", "y"];

const which = fc.nat({ max: 30 });
const replica = fc.constantFrom(...REPLICAS);
const some = fc.subarray(HINTS, { maxLength: 3 });
const ordered = some.chain((hints) => fc.shuffledSubarray(hints, { minLength: hints.length }));
const avoid = fc.oneof({ weight: 4, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: fc.subarray(REPLICAS) });
const orNull = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { freq: 2 });

const failure: fc.Arbitrary<Failure> = fc.oneof(
  fc.record({
    kind: fc.constantFrom("unreachable", "disconnected", "timed_out", "broken", "error"),
    detail: fc.constantFrom("", "reset"),
  }),
  fc.record({ kind: fc.constant("unavailable" as const), retryAfterMs: fc.constantFrom(null, 0, 3000, 1e9) }),
  fc.record({
    kind: fc.constant("declined" as const),
    retryAfterMs: fc.constantFrom(null, 3000, 1e9),
    forHint: fc.boolean(),
  }),
);

const answer = fc.constantFrom(null, null, "success" as const, "rejected" as const, "excused" as const);

/** One of which ejects nobody. */
const alone: fc.Arbitrary<Failure> = fc.record({ kind: fc.constantFrom("disconnected", "timed_out", "broken", "error") });

const ARGUMENTS: { readonly [Name in CommandName]: readonly [weight: number, arguments: fc.Arbitrary<Arguments[Name]>] } = {
  heartbeat: [
    9,
    fc.record({
      replica,
      process: fc.constantFrom("same", "same", "same", "same", "same", "same", "new", "previous", "clockBack"),
      sequence: fc.constantFrom("next", "next", "next", "next", "none", "duplicate", "late"),
      said: fc.record({
        status: fc.constantFrom("ready", "ready", "ready", "ready", "ready", "starting", "draining", "stopped"),
        concurrency: fc.constantFrom(1, 1, 1, 2, 3, 25),
        hints: orNull(some),
        hintSlots: orNull(fc.nat({ max: 3 })),
        inFlight: orNull(fc.nat({ max: 3 })),
      }),
      at: fc.constantFrom("same", "same", "same", "same", "same", "same", "same", "moved", "moved", "a", "b"),
      heldUpMs: fc.constantFrom(0, 0, 0, 1000, 10_000),
    }),
  ],
  beatAll: [4, fc.record({ uncounted: fc.constantFrom(null, 0, 1, 1, 3), heldUpMs: fc.constantFrom(0, 0, 1000, 10_000) })],
  arrive: [
    14,
    fc.record({
      hints: ordered,
      avoid,
      priority: fc.constantFrom("normal", "normal", "high", "low"),
      declaredMs: fc.constantFrom(null, null, null, 400, 9000),
      queueLengthMax: fc.constantFrom(null, null, null, 0, 2),
      timeoutMs: fc.constantFrom(0, 1000, 6000, 20_000, 60_000),
    }),
  ],
  answer: [
    6,
    fc.record({
      which,
      kind: fc.constantFrom("success", "success", "success", "unsupported", "rejected", "excused"),
      inBand: orNull(some),
      streams: fc.constantFrom(false, false, true),
    }),
  ],
  fail: [3, fc.record({ which, failure, inBand: orNull(some) })],
  endAnswer: [3, fc.record({ which, whole: fc.constantFrom(true, true, false) })],
  end: [6, fc.record({ which })],
  succeed: [3, fc.record({ which, after: fc.boolean() })],
  endAgain: [1, fc.record({ which })],
  leave: [1, fc.record({ which })],
  choose: [1, fc.record({ hints: ordered, avoid })],
  wait: [4, fc.record({ ms: fc.constantFrom(0, 1, 100, 499, 1000, 1399, 1400, 2000, 5000, 6000, 20_000) })],
  waitLate: [1, fc.record({ ms: fc.constantFrom(1, 500, 2000, 7000, 30_000) })],
  waitBeating: [3, fc.record({ ms: fc.constantFrom(1000, 5000, 9999, 10_000, 20_000, 60_000) })],
  drain: [2, fc.record({ replica })],
  undrain: [1, fc.record({ replica })],
  delete: [1, fc.record({ replica })],
  restart: [2, fc.record({ atOnce: fc.nat({ max: 255 }), beaten: fc.boolean() })],
  adopt: [2, fc.record({ which, over: fc.constantFrom(false, false, true) })],
  askAgain: [2, fc.record({ which, over: fc.constantFrom(false, false, true) })],
  serveMany: [
    1,
    fc.record({
      count: fc.constantFrom(3, 20, 22, 44),
      heldMs: fc.constantFrom(800, 3000),
      errors: fc.constantFrom("none", "of one", "of all"),
    }),
  ],
  retryMany: [1, fc.record({ count: fc.constantFrom(3, 22, 27), slotless: fc.boolean() })],
  failOften: [
    2,
    fc.oneof(
      fc.record({ times: fc.constantFrom(2, 3, 4, 7), before: fc.constantFrom(0, 0, 1, 2, 3), answer, failure }),
      fc.record({ times: fc.constantFrom(3, 5), before: fc.constant(0), answer, failure: alone }),
    ),
  ],
  askTwice: [1, fc.record({ hint: fc.constantFrom(...HINTS) })],
  failHint: [1, fc.record({ times: fc.constantFrom(1, 2, 4, 9), together: fc.constantFrom(1, 1, 3) })],
  loseSlot: [1, fc.record({ first: failure, second: fc.option(failure) })],
  outlast: [1, fc.record({ whole: fc.constantFrom(true, true, false) })],
  crowd: [
    3,
    fc.record({
      hints: fc.array(fc.constantFrom("", "", ...HINTS), { minLength: 2, maxLength: 6 }),
      lows: fc.nat({ max: 63 }),
      highs: fc.oneof(fc.constant(0), fc.nat({ max: 63 })),
      timeoutMs: fc.constantFrom(1000, 10_000, 30_000),
    }),
  ],
};

/** So many replicas are there from the start. */
export function peoples(state: State, real: FleetObject, replicas: number): void {
  for (const [index, replica] of REPLICAS.slice(0, replicas).entries()) {
    const said = { status: "ready", concurrency: 1 + (index % 3), hints: [], hintSlots: 2, inFlight: null } as const;
    new Command("heartbeat", { replica, process: "same", sequence: "next", said, at: "same", heldUpMs: 0 }, () => {}).run(
      state,
      real,
    );
  }
}

/**
 * Histories of a fleet; `ran` is told each command that is run. To run a failure again, give what fast-check prints: seed and path where the
 * property is, and the replayPath beside `maxCommands`.
 */
export function histories(ran: (name: CommandName) => void): fc.Arbitrary<Iterable<fc.Command<State, FleetObject>>> {
  const each = <Name extends CommandName>(name: Name): fc.Arbitrary<fc.Command<State, FleetObject>>[] => {
    const [weight, args] = ARGUMENTS[name];
    const command = args.map((its) => new Command(name, its, ran));
    // fast-check draws from a list with equal chances.
    return Array.from({ length: weight }, () => command);
  };
  const names = Object.keys(ARGUMENTS) as CommandName[];
  return fc.commands(
    names.flatMap((name) => each(name)),
    { maxCommands: 60, size: "max" },
  );
}
