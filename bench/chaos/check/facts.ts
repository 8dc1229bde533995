// A history made ready for questions: the runs of a request, the faults of a time, who was open or listed then.
import type { Beat } from "../../live/heartbeats.ts";
import type { Sent } from "../../live/open-loop.ts";
import type { Run } from "../../live/run.ts";
import type { Came } from "../../live/sending.ts";
import { FAULTS, type FaultKind, type FaultShape, type Injected } from "../faults.ts";
import type { History } from "../history.ts";
import { TIMES_MS } from "../settings.ts";
import type { ChaosSending } from "../traffic.ts";
import { outcomeOf, type Outcome } from "./outcomes.ts";

/** A request and all that is known of it. */
export interface Case {
  readonly sending: ChaosSending;
  readonly came: Came | null;
  readonly outcome: Outcome;
  /** In order of their beginning. */
  readonly runs: readonly Run[];
  readonly sentMs: number;
  /** Infinity: it has not ended. */
  readonly endedMs: number;
}

export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Clocks of one process, but turns of its event loop apart. */
const TURN_MS = 100;
/** Until the router has seen the end of a request that was answered, and of one whose client left or whose connection broke. */
const ANSWERED_MS = 500;
const LEFT_MS = 6000;

export class Facts {
  readonly history: History;
  readonly cases: readonly Case[];
  readonly #slots = new Map<string, number>();
  readonly #casesByApp = new Map<string, Case[]>();
  readonly #beatsByApp = new Map<string, Beat[]>();

  constructor(history: History) {
    this.history = history;
    const runs = groupedBy(history.runs, ({ key }) => key);
    this.cases = history.sent.map((sent) => caseOf(sent, runs.get(sent.sending.asked.key) ?? []));
    for (const { app, concurrency } of history.replicas) this.#slots.set(app, (this.#slots.get(app) ?? 0) + concurrency);
    this.#casesByApp = groupedBy(this.cases, ({ sending }) => sending.asked.app);
    this.#beatsByApp = groupedBy(history.beats, ({ app }) => app);
  }

  slotsOf(app: string): number {
    return this.#slots.get(app) ?? 0;
  }

  /** Faults that could be felt in the span by the app, or by all. */
  faults(app: string, { fromMs, toMs }: Span, is: (shape: FaultShape, kind: FaultKind) => boolean): readonly Injected[] {
    return this.history.injected.filter(({ fault, beganMs, endedMs }) => {
      const shape = FAULTS[fault.kind];
      if (fault.app !== "" && fault.app !== app) return false;
      const untilMs = (endedMs ?? Infinity) + shape.lingersMs;
      return beganMs - TURN_MS <= toMs && untilMs >= fromMs && is(shape, fault.kind);
    });
  }

  /** Faults of these kinds, as `faults`. */
  kinds(app: string, span: Span, ...kinds: readonly FaultKind[]): readonly Injected[] {
    return this.faults(app, span, (_, kind) => kinds.includes(kind));
  }

  /** The app's object may have been out of reach or new in the span. */
  objectDisturbed(app: string, span: Span): boolean {
    return this.faults(app, span, ({ target }) => target === "object" || target === "router").length > 0;
  }

  /** Requests of the app that were open at a moment, clients that left and answers that broke off included for a while. */
  openAt(app: string, atMs: number, afterMs: number): number {
    let count = 0;
    for (const { sentMs, endedMs } of this.#casesByApp.get(app) ?? []) if (sentMs <= atMs && endedMs + afterMs >= atMs) count++;
    return count;
  }

  /** Requests of the app that may have been in its queue at a moment: open then, or ended a while ago in a way that the router sees late. */
  waitingAt(app: string, atMs: number): number {
    return (this.#casesByApp.get(app) ?? []).filter(({ sentMs, endedMs, came }) => {
      const seenMs = endedMs + (came?.end === "answered" ? ANSWERED_MS : LEFT_MS);
      return sentMs <= atMs && seenMs >= atMs;
    }).length;
  }

  /** Cases of the app that ended in the span. */
  endedIn(app: string, { fromMs, toMs }: Span): readonly Case[] {
    return (this.#casesByApp.get(app) ?? []).filter(({ endedMs }) => endedMs >= fromMs && endedMs <= toMs);
  }

  /** When the first report of a process was accepted; null: none was. */
  firstHeardMs(app: string, replica: string, incarnation: number): number | null {
    const beats = this.#beatsByApp.get(app) ?? [];
    const first = beats.find((beat) => beat.replica === replica && beat.incarnation === incarnation && beat.answered === 200);
    return first?.answeredMs ?? null;
  }

  /** The last report of the replica, of any of its processes, that was accepted by then; null: none was. */
  lastHeard(app: string, replica: string, byMs: number): Beat | null {
    const isHeard = (beat: Beat) => beat.replica === replica && beat.answered === 200 && beat.answeredMs <= byMs;
    return (this.#beatsByApp.get(app) ?? []).findLast(isHeard) ?? null;
  }

  /** When no report of the replica had been accepted for so long, until one was. */
  silences(app: string, replica: string, forMs: number): Span[] {
    const accepted = (this.#beatsByApp.get(app) ?? []).filter((beat) => beat.replica === replica && beat.answered === 200);
    const starts = [-Infinity, ...accepted.map(({ sentMs }) => sentMs + forMs)];
    return starts
      .map((fromMs, index) => ({ fromMs, toMs: accepted[index]?.answeredMs ?? Infinity }))
      .filter(({ fromMs, toMs }) => fromMs <= toMs);
  }

  /** Whether a report of the replica was on its way or accepted in the span. */
  heardOf(app: string, replica: string, { fromMs, toMs }: Span): boolean {
    return (this.#beatsByApp.get(app) ?? []).some(
      (beat) => beat.replica === replica && beat.answered !== 409 && beat.sentMs <= toMs && beat.answeredMs >= fromMs,
    );
  }

  /**
   * A replica that the router must have listed all the time: its accepted reports follow each other well within its time to live, and
   * nothing was under way that removes it. Null: none can be named.
   */
  alwaysListed(app: string, { fromMs, toMs }: Span): string | null {
    const aliveMs = TIMES_MS.timeToLiveMs - 2 * TURN_MS;
    const byReplica = groupedBy(this.#beatsByApp.get(app) ?? [], ({ replica }) => replica);
    for (const [replica, beats] of byReplica) {
      const span = { fromMs: fromMs - aliveMs, toMs };
      if (beats.some(({ status, sentMs }) => status === "stopped" && sentMs >= span.fromMs && sentMs <= toMs)) continue;
      if (this.kinds(app, span, "deleted_by_admin").some(({ fault }) => fault.replica === replica)) continue;
      const heard = beats
        .filter(({ status, answered, answeredMs }) => status !== "stopped" && answered === 200 && answeredMs <= toMs)
        .map(({ answeredMs }) => answeredMs);
      const before = heard.filter((atMs) => atMs < fromMs);
      const times = [before.at(-1) ?? -Infinity, ...heard.slice(before.length), toMs];
      if (times.every((atMs, index) => index === 0 || atMs - (times[index - 1] ?? -Infinity) < aliveMs)) return replica;
    }
    return null;
  }
}

function caseOf({ sending, came }: Sent<ChaosSending>, runs: readonly Run[]): Case {
  return {
    sending,
    came,
    outcome: outcomeOf(came),
    runs: [...runs].sort((a, b) => a.beganMs - b.beganMs),
    sentMs: came?.sentMs ?? 0,
    endedMs: came === null || came.end === "unanswered" ? Infinity : came.endedMs,
  };
}

function groupedBy<T>(all: readonly T[], keyOf: (one: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const one of all) {
    const group = groups.get(keyOf(one));
    if (group === undefined) groups.set(keyOf(one), [one]);
    else group.push(one);
  }
  return groups;
}
