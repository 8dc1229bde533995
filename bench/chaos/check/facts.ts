// A history made ready for questions: the runs of a request, the faults of a time, who was open or listed then.
import type { Beat } from "../../live/member.ts";
import type { Sent } from "../../live/load.ts";
import { resultOf, type Came, type Run } from "../../live/records.ts";
import { DIRECT_RULE } from "../../../src/routing/direct/decide.ts";
import { FAULTS, type FaultKind, type FaultShape, type Injected } from "../faults.ts";
import type { History } from "../run.ts";
import { TIMES_MS } from "../settings.ts";
import type { ChaosSending } from "../traffic.ts";

export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/** A request and all that is known of it. */
export type Case = ReturnType<typeof caseOf>;

/** What a rule found broken. */
export interface Violation {
  readonly rule: string;
  /** Null: it is not about one request. */
  readonly key: string | null;
  /** `performance.now()`; null: it is about the run as a whole. */
  readonly atMs: number | null;
  readonly what: string;
}

type Is = (shape: FaultShape, kind: FaultKind) => boolean;

/** Clocks of one process, but turns of its event loop apart. */
const TURN_MS = 100;
/** Until the router has seen the end of a request that was answered, and of one whose client left or whose connection broke. */
const ANSWERED_MS = 500;
const LEFT_MS = 6000;

export class Facts {
  readonly history: History;
  readonly cases: readonly Case[];
  readonly #casesByApp: ReadonlyMap<string, readonly Case[]>;
  readonly #beatsByReplica: ReadonlyMap<string, readonly Beat[]>;

  constructor(history: History) {
    this.history = history;
    const runs = Map.groupBy(history.runs, ({ key }) => key);
    this.cases = history.sent.map((sent) => caseOf(sent, runs.get(sent.sending.asked.key) ?? []));
    this.#casesByApp = Map.groupBy(this.cases, ({ app }) => app);
    this.#beatsByReplica = Map.groupBy(history.beats, ({ app, replica }) => `${app} ${replica}`);
  }

  /** Whether the edge sends requests by itself. */
  get isWide(): boolean {
    return this.history.replicas.some(({ concurrency }) => concurrency >= DIRECT_RULE.concurrencyLeast);
  }

  replicasOf(app: string): readonly string[] {
    return this.history.replicas.filter((shape) => shape.app === app).map(({ replica }) => replica);
  }

  slotsOf(app: string): number {
    return this.history.replicas.reduce((sum, shape) => sum + (shape.app === app ? shape.concurrency : 0), 0);
  }

  /** Faults that could be felt in the span by the app, or by all. */
  faults(app: string, { fromMs, toMs }: Span, is: Is = () => true): readonly Injected[] {
    return this.history.injected.filter(({ fault, beganMs, endedMs }) => {
      const shape = FAULTS[fault.kind];
      if (fault.app !== "" && fault.app !== app) return false;
      return beganMs - TURN_MS <= toMs && (endedMs ?? Infinity) + shape.lingersMs >= fromMs && is(shape, fault.kind);
    });
  }

  felt(app: string, span: Span, is?: Is): boolean {
    return this.faults(app, span, is).length > 0;
  }

  feltOf(app: string, span: Span, ...kinds: readonly FaultKind[]): boolean {
    return this.felt(app, span, (_, kind) => kinds.includes(kind));
  }

  /** The app's object may have been out of reach or new in the span. */
  objectDisturbed(app: string, span: Span): boolean {
    return this.felt(app, span, ({ target }) => target === "object" || target === "router");
  }

  /** Requests of the app that were open at a moment, or `afterMs` before. */
  openAt(app: string, atMs: number, afterMs: number): number {
    return this.#casesOf(app).filter(({ sentMs, endedMs }) => sentMs <= atMs && endedMs + afterMs >= atMs).length;
  }

  /** Requests of the app that may have been in its queue at a moment: open then, or ended a while ago in a way that the router sees late. */
  waitingAt(app: string, atMs: number): number {
    const seenMs = ({ endedMs, came }: Case) => endedMs + (came?.end === "answered" ? ANSWERED_MS : LEFT_MS);
    return this.#casesOf(app).filter((its) => its.sentMs <= atMs && seenMs(its) >= atMs).length;
  }

  /** Requests of the app that ended in the span. */
  endedIn(app: string, { fromMs, toMs }: Span): readonly Case[] {
    return this.#casesOf(app).filter(({ endedMs }) => endedMs >= fromMs && endedMs <= toMs);
  }

  /** When the first report of a process was accepted; Infinity: none was. */
  firstHeardMs(app: string, replica: string, incarnation: number): number {
    return this.#heard(app, replica).find((beat) => beat.incarnation === incarnation)?.answeredMs ?? Infinity;
  }

  /** When the last report of the replica, of any of its processes, was accepted by then; -Infinity: none was. */
  lastHeardMs(app: string, replica: string, byMs: number): number {
    return this.#heard(app, replica).findLast(({ answeredMs }) => answeredMs <= byMs)?.answeredMs ?? -Infinity;
  }

  /** The router left the run before headers came, and nothing had been heard of its replica for its time to live. */
  isGivenUp(run: Run): boolean {
    return run.headersMs === null && run.end === "left" && run.endedMs !== null && this.isGone(run, run.endedMs);
  }

  /** The time to live of the run's replica may have been over by then, or at some time since the run began: a report may have come too late. */
  isGone({ app, replica, beganMs }: Run, atMs: number): boolean {
    const accepted = this.#heard(app, replica);
    const starts = [-Infinity, ...accepted.map(({ sentMs }) => sentMs + TIMES_MS.timeToLiveMs - TURN_MS)];
    return starts.some((fromMs, index) => {
      const toMs = accepted[index]?.answeredMs ?? Infinity;
      return fromMs <= toMs && fromMs <= atMs && toMs >= beganMs;
    });
  }

  /** Whether a report of the replica was on its way or accepted in the span. */
  heardOf(app: string, replica: string, { fromMs, toMs }: Span): boolean {
    const isThere = (beat: Beat) => beat.answered !== 409 && beat.sentMs <= toMs && beat.answeredMs >= fromMs;
    return this.#beats(app, replica).some(isThere);
  }

  /**
   * Whether there is a replica that the router must have listed all the time: its accepted reports follow each other well within its time
   * to live, and nothing was under way that removes it.
   */
  isAlwaysListed(app: string, { fromMs, toMs }: Span): boolean {
    const aliveMs = TIMES_MS.timeToLiveMs - 2 * TURN_MS;
    const span = { fromMs: fromMs - aliveMs, toMs };
    const deletions = this.faults(app, span, (_, kind) => kind === "deleted_by_admin");
    return this.replicasOf(app).some((replica) => {
      const stops = ({ status, sentMs }: Beat) => status === "stopped" && sentMs >= span.fromMs && sentMs <= toMs;
      if (deletions.some(({ fault }) => fault.replica === replica) || this.#beats(app, replica).some(stops)) return false;
      const heard = this.#heard(app, replica).filter(({ status, answeredMs }) => status !== "stopped" && answeredMs <= toMs);
      const times = heard.map(({ answeredMs }) => answeredMs);
      const before = times.filter((atMs) => atMs < fromMs);
      const seen = [before.at(-1) ?? -Infinity, ...times.slice(before.length), toMs];
      return seen.every((atMs, index) => index === 0 || atMs - (seen[index - 1] ?? -Infinity) < aliveMs);
    });
  }

  #casesOf(app: string): readonly Case[] {
    return this.#casesByApp.get(app) ?? [];
  }

  #beats(app: string, replica: string): readonly Beat[] {
    return this.#beatsByReplica.get(`${app} ${replica}`) ?? [];
  }

  /** Reports that were accepted. */
  #heard(app: string, replica: string): readonly Beat[] {
    return this.#beats(app, replica).filter(({ answered }) => answered === 200);
  }
}

function caseOf({ sending, came }: Sent<ChaosSending>, unsorted: readonly Run[]) {
  const { app, key } = sending.asked;
  /** In order of their beginning. */
  const runs = unsorted.toSorted((a, b) => a.beganMs - b.beganMs);
  const sentMs = came?.sentMs ?? 0;
  /** Infinity: the request has not ended. */
  const endedMs = came === null || came.end === "unanswered" ? Infinity : came.endedMs;
  const span: Span = { fromMs: sentMs, toMs: endedMs };
  return { app, key, sending, came, outcome: outcomeOf(came), runs, last: runs.at(-1), sentMs, endedMs, span };
}

/** As `resultOf`. A timeout of the first byte is told from a timeout of the queue. */
export function outcomeOf(came: Came | null): string {
  if (came === null) return "unanswered";
  const result = resultOf(came);
  const inVain = result === "504 request_timeout" && came.detail?.startsWith("The replica did not begin") === true;
  return inVain ? "504 first_byte" : result;
}
