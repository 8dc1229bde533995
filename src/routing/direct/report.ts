// What an isolate tells the object of the requests that it has sent by itself, each time that it refreshes its copy of the fleet: what runs now, and what
// has become of the others since the last report. Counted here; the object's side is isolates.ts.
import type { AnswerKind, Failure } from "../health/outcome.ts";
import { processKey } from "../ledger/replica.ts";
import { LIMITS } from "../limits.ts";
import type { DirectReplica, FleetCopy } from "./copy.ts";
import type { DirectChoice } from "./decide.ts";

/** The requests of one isolate for one hint at one process of a replica. Times are sums over those that went well. */
export interface ReportedPair {
  readonly replica: string;
  readonly incarnation: number;
  /** Null: they have no hint. */
  readonly hint: string | null;
  /** Now, not since the last report as the others. */
  readonly unfinished: number;
  readonly sent: number;
  readonly succeeded: number;
  /** Whether the last of them that has ended went well. */
  readonly lastWell: boolean;
  /** To the response headers, and to the end. */
  readonly answerMs: number;
  readonly heldMs: number;
}

export interface ReportedFailure {
  readonly replica: string;
  readonly incarnation: number;
  readonly hint: string | null;
  /** `excused`: an answer of that kind, which counts against the hint alone. */
  readonly failure: Failure | { readonly kind: "excused" };
  /** Whether a request of the isolate went well there since the failure before: failures count in a row. */
  readonly afterSuccess: boolean;
  /** How long before the report the request was sent. */
  readonly sentAgoMs: number;
}

/** The last list of what it holds that a replica sent with an answer, if the isolate's copy says otherwise. */
export interface ReportedList {
  readonly replica: string;
  readonly incarnation: number;
  readonly hints: readonly string[];
  readonly agoMs: number;
}

export interface DirectReport {
  /** A name that no other isolate has. */
  readonly isolate: string;
  /** Rises with each report of the isolate. */
  readonly sequence: number;
  readonly pairs: readonly ReportedPair[];
  /** Requests that were served, by the first hint that they asked for; the empty one: they had none. */
  readonly demand: readonly (readonly [hint: string, requests: number])[];
  readonly failures: readonly ReportedFailure[];
  readonly lists: readonly ReportedList[];
}

type Pair = { -readonly [Name in keyof ReportedPair]: ReportedPair[Name] };

/** For one fleet. */
export class Reporter {
  readonly #isolate: string;
  readonly #copy: FleetCopy;
  readonly #pairs = new Map<string, Pair>();
  readonly #demand = new Map<string, number>();
  #failures: (Omit<ReportedFailure, "sentAgoMs"> & { readonly sentAtMs: number })[] = [];
  /** Replicas whose last request of this isolate failed. */
  readonly #failing = new WeakSet<DirectReplica>();
  readonly #lists = new Map<DirectReplica, { readonly hints: readonly string[]; readonly atMs: number }>();

  constructor(isolate: string, copy: FleetCopy) {
    this.#isolate = isolate;
    this.#copy = copy;
  }

  /** Whether the next report says anything: something runs, or has ended since the last report. */
  get hasNews(): boolean {
    return this.#pairs.size > 0;
  }

  /** A request is sent there. Null: so many run here that no more can be told of, and the object is to be asked. */
  begin({ replica, hint }: DirectChoice, hints: readonly string[], now: number): DirectSend | null {
    const { id, incarnation } = replica;
    const key = `${processKey(id, incarnation)} ${hint ?? ""}`;
    let pair = this.#pairs.get(key);
    if (pair === undefined) {
      if (this.#pairs.size >= LIMITS.directPairsPerReport) return null;
      pair = { replica: id, incarnation, hint, unfinished: 0, sent: 0, succeeded: 0, lastWell: true, answerMs: 0, heldMs: 0 };
      this.#pairs.set(key, pair);
    }
    pair.sent++;
    pair.unfinished++;
    return new DirectSend(this, this.#copy, replica, pair, hints[0] ?? "", now);
  }

  /** The next report. Counts begin anew with it, also if it is lost: what runs is told again, and the rest is worth little. O(pairs + replicas). */
  take(now: number): DirectReport {
    const pairs = [...this.#pairs.values()].map((pair) => ({ ...pair }));
    const failures = this.#failures.map(({ sentAtMs, ...rest }) => ({ ...rest, sentAgoMs: now - sentAtMs }));
    const lists = [...this.#lists].map(([{ id, incarnation }, { hints, atMs }]) => {
      return { replica: id, incarnation, hints, agoMs: now - atMs };
    });
    const sequence = this.#copy.noteReport();
    const report = { isolate: this.#isolate, sequence, pairs, demand: [...this.#demand], failures, lists };
    for (const [key, pair] of this.#pairs) {
      if (pair.unfinished === 0) this.#pairs.delete(key);
      else Object.assign(pair, { sent: 0, succeeded: 0, answerMs: 0, heldMs: 0 });
    }
    this.#demand.clear();
    this.#failures = [];
    this.#lists.clear();
    return report;
  }

  countDemand(hint: string): void {
    const known = this.#demand.get(hint);
    if (known !== undefined || this.#demand.size < LIMITS.directPairsPerReport) this.#demand.set(hint, (known ?? 0) + 1);
  }

  /** What comes first is told: failures that come together are one fault. */
  noteFailure(of: DirectReplica, pair: Pair, failure: ReportedFailure["failure"], sentAtMs: number): void {
    const { replica, incarnation, hint } = pair;
    const afterSuccess = !this.#failing.has(of);
    this.#failing.add(of);
    pair.lastWell = false;
    if (this.#failures.length >= LIMITS.failuresPerReport) return;
    this.#failures.push({ replica, incarnation, hint, failure, afterSuccess, sentAtMs });
  }

  noteSuccess(of: DirectReplica, pair: Pair): void {
    this.#failing.delete(of);
    pair.lastWell = true;
  }

  noteList(replica: DirectReplica, hints: readonly string[], atMs: number): void {
    this.#lists.delete(replica);
    const isNews = hints.length !== replica.hints.length || !replica.hints.every((hint) => hints.includes(hint));
    if (isNews && this.#lists.size < LIMITS.listsPerReport) this.#lists.set(replica, { hints, atMs });
  }
}

/** A request that an isolate has sent by itself. */
export class DirectSend {
  readonly replica: DirectReplica;
  readonly #reporter: Reporter;
  readonly #pair: Pair;
  readonly #firstHint: string;
  readonly #sentAtMs: number;
  readonly #copy: FleetCopy;
  readonly #toldBy: number;
  #answeredAtMs: number | null = null;
  #succeeded = false;
  #failed = false;
  #over = false;

  constructor(reporter: Reporter, copy: FleetCopy, replica: DirectReplica, pair: Pair, firstHint: string, sentAtMs: number) {
    this.#reporter = reporter;
    this.#copy = copy;
    this.#toldBy = copy.begin(replica);
    this.replica = replica;
    this.#pair = pair;
    this.#firstHint = firstHint;
    this.#sentAtMs = sentAtMs;
  }

  /** Response headers came that are no failure; with what the replica holds if they say so (null: they do not). */
  answered(kind: AnswerKind, hints: readonly string[] | null, now: number): void {
    if (this.#over || this.#answeredAtMs !== null) return;
    this.#answeredAtMs = now;
    this.#succeeded = kind === "success";
    if (this.#succeeded) this.#reporter.countDemand(this.#firstHint);
    if (kind === "excused") this.#reporter.noteFailure(this.replica, this.#pair, { kind }, this.#sentAtMs);
    if (hints !== null) this.#reporter.noteList(this.replica, hints, now);
  }

  /** The first failure alone is told. */
  failed(failure: Failure, hints: readonly string[] | null, now: number): void {
    if (this.#over || this.#failed) return;
    this.#failed = true;
    this.#reporter.noteFailure(this.replica, this.#pair, failure, this.#sentAtMs);
    if (hints !== null) this.#reporter.noteList(this.replica, hints, now);
  }

  /** It is over. `whole`: its answer came to its end. Idempotent. */
  finish(whole: boolean, now: number): void {
    if (this.#over) return;
    this.#over = true;
    this.#copy.end(this.replica, this.#toldBy);
    const pair = this.#pair;
    pair.unfinished--;
    if (!whole || !this.#succeeded || this.#failed || this.#answeredAtMs === null) return;
    this.#reporter.noteSuccess(this.replica, pair);
    pair.succeeded++;
    pair.answerMs += this.#answeredAtMs - this.#sentAtMs;
    pair.heldMs += now - this.#sentAtMs;
  }
}
