// The commands of the model-based test: what each does, and when it can. `which` picks one of those there are.
import type fc from "fast-check";
import type { AnswerKind, Failure } from "../../../src/routing/health/outcome.ts";
import type { Priority } from "../../../src/routing/ledger/queue.ts";
import type { Heartbeat } from "../../../src/routing/ledger/report.ts";
import * as act from "./acts.ts";
import { agrees } from "./agreement.ts";
import type { CommandName } from "./coverage.ts";
import type { FleetObject } from "./object.ts";
import { readyMembers, requestOf, type Request, type State } from "./state.ts";

type Said = Pick<Heartbeat, "hints" | "hintSlots" | "concurrency" | "inFlight" | "status">;

/** What each command is told. */
export interface Arguments {
  heartbeat: {
    readonly replica: string;
    /** The last that was started, a new one, the one before, or a new one whose clock jumped back. */
    readonly process: "same" | "new" | "previous" | "clockBack";
    readonly sequence: "next" | "none" | "duplicate" | "late";
    readonly said: Said;
    /** Its origin: its own, another, or that of another replica. */
    readonly at: "same" | "moved" | "a" | "b";
    readonly heldUpMs: number;
  };
  beatAll: { readonly uncounted: number | null; readonly heldUpMs: number };
  arrive: Pick<Request, "hints" | "avoid" | "priority" | "declaredMs" | "queueLengthMax"> & { readonly timeoutMs: number };
  answer: {
    readonly which: number;
    readonly kind: AnswerKind;
    readonly inBand: readonly string[] | null;
    readonly streams: boolean;
  };
  fail: { readonly which: number; readonly failure: Failure; readonly inBand: readonly string[] | null };
  /** The answer came whole, or broke off by whose doing ever. */
  endAnswer: { readonly which: number; readonly whole: boolean };
  end: { readonly which: number };
  /** `after`: its slot was given back before. */
  succeed: { readonly which: number; readonly after: boolean };
  endAgain: { readonly which: number };
  leave: { readonly which: number };
  choose: Pick<Request, "hints" | "avoid">;
  wait: { readonly ms: number };
  waitLate: { readonly ms: number };
  waitBeating: { readonly ms: number };
  drain: { readonly replica: string };
  undrain: { readonly replica: string };
  delete: { readonly replica: string };
  /** Of the requests of before, those that report themselves at once, by the bits; `beaten`: after the replicas. */
  restart: { readonly atOnce: number; readonly beaten: boolean };
  /** `over`: it ended before it could. */
  adopt: { readonly which: number; readonly over: boolean };
  askAgain: { readonly which: number; readonly over: boolean };
  /** Every second answer of one replica, or of all, is an error. */
  serveMany: { readonly count: number; readonly heldMs: number; readonly errors: "none" | "of one" | "of all" };
  /** A request for the hint is served, and after it another comes. */
  askTwice: { readonly hint: string };
  /** `slotless`: they take no slot. */
  retryMany: { readonly count: number; readonly slotless: boolean };
  /**
   * Requests are failed by the same replica time after time; others that have left failed them before. `answer`: before the last one another
   * is answered so.
   */
  failOften: { readonly times: number; readonly before: number; readonly answer: AnswerKind | null; readonly failure: Failure };
  /** Requests for the hint fail wherever they are sent, so many times together before the next. */
  failHint: { readonly times: number; readonly together: number };
  /**
   * A request fails; another goes where it was and loses its slot, because the replica does not count it, before it is answered (null) or
   * fails.
   */
  loseSlot: { readonly first: Failure; readonly second: Failure | null };
  /** A request on probation goes on for so long that another is sent after it; then the first breaks off, and the second is `whole` or not. */
  outlast: { readonly whole: boolean };
  crowd: { readonly hints: readonly string[]; readonly lows: number; readonly highs: number; readonly timeoutMs: number };
}

type Act<Name extends CommandName> = (state: State, real: FleetObject, args: Arguments[Name]) => void;

export class Command<Name extends CommandName> implements fc.Command<State, FleetObject> {
  readonly #name: Name;
  readonly #args: Arguments[Name];
  readonly #ran: (name: CommandName) => void;

  constructor(name: Name, args: Arguments[Name], ran: (name: CommandName) => void) {
    this.#name = name;
    this.#args = args;
    this.#ran = ran;
  }

  check(state: Readonly<State>): boolean {
    return (NEEDS[this.#name]?.(state).length ?? 1) > 0;
  }

  run(state: State, real: FleetObject): void {
    this.#ran(this.#name);
    ACTS[this.#name](state, real, this.#args);
    agrees(state, real);
  }

  toString(): string {
    return `${this.#name}(${JSON.stringify(this.#args)})`;
  }
}

/** What a command needs at least one of. */
const NEEDS: Partial<Record<CommandName, (state: Readonly<State>) => readonly unknown[]>> = {
  answer: (state) => state.tickets,
  fail: (state) => state.tickets,
  endAnswer: (state) => state.tickets,
  end: (state) => state.tickets,
  succeed: (state) => state.tickets,
  endAgain: (state) => state.ended,
  leave: (state) => state.waiting,
  adopt: (state) => state.lost,
  askAgain: (state) => state.asking,
  serveMany: readyMembers,
  retryMany: readyMembers,
  failOften: readyMembers,
  failHint: readyMembers,
  askTwice: readyMembers,
  loseSlot: readyMembers,
  outlast: readyMembers,
};

const ACTS: { readonly [Name in CommandName]: Act<Name> } = {
  heartbeat: (state, real, { replica, process, sequence, said, at, heldUpMs }) => {
    const used = state.used.get(replica) ?? { incarnations: [100], sequence: 0 };
    state.used.set(replica, used);
    const { incarnations } = used;
    if (process === "new") incarnations.push(Math.max(...incarnations) + 1);
    if (process === "clockBack") incarnations.push(Math.max(0, Math.min(...incarnations) - 1));
    if (process === "new" || process === "clockBack") used.sequence = 0;
    const incarnation = (process === "previous" ? incarnations.at(-2) : undefined) ?? incarnations.at(-1) ?? 0;
    if (sequence === "next") used.sequence++;
    const number = sequence === "none" ? null : Math.max(0, used.sequence - (sequence === "late" ? 1 : 0));
    const host = at === "same" ? replica : at === "moved" ? `${replica}-moved` : at;
    const origin = `https://${host}.example.com`;
    act.beats(state, real, { app: "any-model", replica, origin, incarnation, sequence: number, ...said }, heldUpMs);
  },
  beatAll: (state, real, { uncounted, heldUpMs }) => act.allBeat(state, real, uncounted, heldUpMs),
  arrive: (state, real, { timeoutMs, ...asked }) => {
    act.comes(state, real, { ...asked, arrivedAtMs: real.nowMs, deadlineMs: real.nowMs + timeoutMs });
  },
  answer: (state, real, { which, kind, inBand, streams }) => {
    act.isAnswered(state, real, pick(state.tickets, which).id, inBand, kind, streams);
  },
  fail: (state, real, { which, failure, inBand }) => {
    act.isFailed(state, real, pick(state.tickets, which).id, failure, inBand);
  },
  endAnswer: (state, real, { which, whole }) => act.isEnded(state, real, pick(state.tickets, which).id, whole),
  end: (state, real, { which }) => act.isOver(state, real, pick(state.tickets, which).id),
  succeed: (state, real, { which, after }) => act.isSaidToBeWell(state, real, pick(state.tickets, which).id, after),
  endAgain: (state, real, { which }) => act.isOverAgain(state, real, pick(state.ended, which)),
  leave: (state, real, { which }) => act.isOver(state, real, pick(state.waiting, which).id),
  choose: (state, real, { hints, avoid }) => act.isChosen(state, real, hints, avoid),
  wait: (state, real, { ms }) => act.passes(state, real, ms),
  waitLate: (state, real, { ms }) => act.passes(state, real, ms, true),
  waitBeating: (state, real, { ms }) => act.passesBeating(state, real, ms),
  drain: (state, real, { replica }) => act.isDrained(state, real, replica, true),
  undrain: (state, real, { replica }) => act.isDrained(state, real, replica, false),
  delete: (state, real, { replica }) => act.isDeleted(state, real, replica),
  restart: (state, real, { atOnce, beaten }) => {
    act.restart(state, real);
    agrees(state, real);
    if (beaten) act.allBeat(state, real, 0);
    for (const [index, ticket] of [...state.lost].entries()) if (atOnce & (1 << (index % 8))) act.claims(state, real, ticket);
    for (const [index, request] of [...state.asking].entries()) {
      if (atOnce & (1 << ((index + 3) % 8))) act.asksAgain(state, real, request);
    }
  },
  adopt: (state, real, { which, over }) => {
    const ticket = pick(state.lost, which);
    if (over) state.lost = state.lost.filter((other) => other !== ticket);
    else act.claims(state, real, ticket);
  },
  askAgain: (state, real, { which, over }) => {
    const request = pick(state.asking, which);
    if (over) state.asking = state.asking.filter((other) => other !== request);
    else act.asksAgain(state, real, request);
  },
  serveMany: (state, real, { count, heldMs, errors }) => {
    for (let time = 0; time < count; time++) {
      const { id, result } = act.comes(state, real, anyRequest(real.nowMs, []));
      const [first] = readyMembers(state);
      const run = requestOf(state, id);
      const may = errors === "of all" || (errors === "of one" && run?.process === first);
      const errs = may && run !== undefined && run.process.answers.length % 2 === 0;
      if (result.kind === "granted" && errs) act.isFailed(state, real, id, { kind: "error" }, null);
      else if (result.kind === "granted") act.isServed(state, real, id, null);
      act.passesBeating(state, real, heldMs);
      if (result.kind !== "refused") act.isOver(state, real, id);
    }
    // Now that it may be known how long a slot is held: some that can't wait for long.
    for (let time = 0; time < 4; time++) act.comes(state, real, { ...anyRequest(real.nowMs, []), deadlineMs: real.nowMs + 1000 });
  },
  retryMany: (state, real, { count, slotless }) => {
    const [first] = readyMembers(state);
    for (let time = 0; time < count && first !== undefined; time++) {
      if (slotless) {
        act.isChosen(state, real, [], [first.id]);
        continue;
      }
      const { id, result } = act.comes(state, real, anyRequest(real.nowMs, [first.id]));
      if (result.kind !== "refused") act.isOver(state, real, id);
    }
  },
  failOften: (state, real, { times, before, answer, failure }) => {
    const hint = "often";
    const avoid = ["left-1", "left-2", "left-3"].slice(0, before);
    const once = (kind: AnswerKind | null) => {
      const { id, result } = act.comes(state, real, { ...anyRequest(real.nowMs, avoid), hints: [hint] });
      // With its list the replica says that it holds the hint, so it gets the next one too.
      if (result.kind === "granted" && kind === null) act.isFailed(state, real, id, failure, [hint]);
      else if (result.kind === "granted") {
        act.isAnswered(state, real, id, [hint], kind ?? "success");
        act.isEnded(state, real, id, true);
      }
      if (result.kind !== "refused") act.isOver(state, real, id);
      passesEjections(state, real);
    };
    for (let time = 1; time <= times; time++) {
      if (time === times && answer !== null) once(answer);
      once(null);
    }
  },
  askTwice: (state, real, { hint }) => {
    for (let time = 0; time < 2; time++) {
      const { id, result } = act.comes(state, real, { ...anyRequest(real.nowMs, []), hints: [hint] });
      if (result.kind === "granted") act.isServed(state, real, id, null);
      if (result.kind !== "refused") act.isOver(state, real, id);
      act.passes(state, real, 1);
    }
  },
  failHint: (state, real, { times, together }) => {
    for (let time = 0; time < times; time++) {
      const few = Array.from({ length: together }, () =>
        act.comes(state, real, { ...anyRequest(real.nowMs, []), hints: ["often"] }),
      );
      act.passes(state, real, 1);
      for (const { id } of few) {
        if (state.tickets.some((ticket) => ticket.id === id)) act.isFailed(state, real, id, { kind: "error" }, null);
        if (!state.ended.includes(id)) act.isOver(state, real, id);
      }
    }
  },
  loseSlot: (state, real, { first, second }) => {
    const hint = "lost";
    const failing = act.comes(state, real, { ...anyRequest(real.nowMs, []), hints: [hint] });
    if (failing.result.kind === "granted") act.isFailed(state, real, failing.id, first, [hint]);
    if (failing.result.kind !== "refused") act.isOver(state, real, failing.id);
    passesEjections(state, real);
    const losing = act.comes(state, real, { ...anyRequest(real.nowMs, []), hints: [hint] });
    for (let beat = 0; beat < 2; beat++) {
      act.passes(state, real, 100);
      act.allBeat(state, real, Infinity);
    }
    if (losing.result.kind === "granted" && second === null) act.isServed(state, real, losing.id, [hint]);
    else if (losing.result.kind === "granted" && second !== null) act.isFailed(state, real, losing.id, second, [hint]);
    if (losing.result.kind !== "refused") act.isOver(state, real, losing.id);
  },
  outlast: (state, real, { whole }) => {
    const hint = "outlasts";
    const comes = () => act.comes(state, real, { ...anyRequest(real.nowMs, []), hints: [hint] });
    for (const kind of ["unreachable", "broken"] as const) {
      const { id, result } = comes();
      if (result.kind === "granted") act.isFailed(state, real, id, { kind }, [hint]);
      if (result.kind !== "refused") act.isOver(state, real, id);
      passesEjections(state, real);
    }
    const first = comes();
    if (first.result.kind === "granted") act.isAnswered(state, real, first.id, [hint]);
    act.passesBeating(state, real, 10_000);
    const second = comes();
    if (first.result.kind === "granted") act.isFailed(state, real, first.id, { kind: "broken" }, [hint]);
    if (second.result.kind === "granted") {
      act.isAnswered(state, real, second.id, [hint]);
      act.isEnded(state, real, second.id, whole);
    }
    for (const { id, result } of [first, second]) if (result.kind !== "refused") act.isOver(state, real, id);
  },
  crowd: (state, real, { hints, lows, highs, timeoutMs }) => {
    for (const [index, hint] of hints.entries()) {
      const has = (bits: number) => ((bits >> index) & 1) === 1;
      const priority: Priority = has(highs) ? "high" : has(lows) ? "low" : "normal";
      const its = { hints: hint === "" ? [] : [hint], priority };
      act.comes(state, real, { ...anyRequest(real.nowMs, []), ...its, deadlineMs: real.nowMs + timeoutMs });
    }
  },
};

/** Until the last of them is over. */
function passesEjections(state: State, real: FleetObject): void {
  const ejectedUntilMs = [...state.members.values()].map((process) => process.ejectedUntilMs);
  act.passesBeating(state, real, Math.max(1, Math.max(...ejectedUntilMs) - real.nowMs));
}

function anyRequest(now: number, avoid: readonly string[]): Request {
  const none = { hints: [], priority: "normal", declaredMs: null, queueLengthMax: null } as const;
  return { ...none, avoid, arrivedAtMs: now, deadlineMs: now + 30_000 };
}

function pick<T>(list: readonly T[], which: number): T {
  const one = list[which % list.length];
  if (one === undefined) throw new Error("there is none to pick");
  return one;
}
