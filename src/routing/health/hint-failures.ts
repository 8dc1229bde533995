// Which replicas have failed which hints: a replica that can't load a model, or is refused it, serves others well and so is never ejected. After
// a few failures in a row it is passed over for that hint alone, each time for longer, until it serves the hint or is a new process.
import { LIMITS } from "../limits.ts";

/** One process of a replica. Kept by name, so that no record of one that has left is kept alive. */
interface Process {
  readonly id: string;
  readonly incarnation: number;
}

interface HintFailure {
  readonly hint: string;
  readonly process: string;
  /** In a row. */
  failures: number;
  /** How often the replica was passed over for the hint, and since and until when. */
  bars: number;
  sinceMs: number;
  untilMs: number;
}

export class HintFailures {
  readonly #byHint = new Map<string, Map<string, HintFailure>>();
  /** All of them, the one that failed longest ago first. */
  readonly #all = new Set<HintFailure>();
  /** The id of the replica that last served each hint, the hint longest not served first. */
  readonly #servedBy = new Map<string, string>();

  /**
   * The replica failed a request for the hint, which was sent at a time. After so many in a row it is passed over for the hint; later each one
   * does that, but for those that were sent before. Forgets the oldest where there are too many. O(1).
   */
  failed(replica: Process, hint: string, failuresToBar: number, sentAtMs: number, now: number): void {
    const its = this.#of(replica, hint) ?? {
      hint,
      process: nameOf(replica),
      failures: 0,
      bars: 0,
      sinceMs: -Infinity,
      untilMs: 0,
    };
    if (sentAtMs <= its.sinceMs) return;
    its.failures++;
    if (its.bars > 0 || its.failures >= failuresToBar) {
      its.sinceMs = now;
      its.untilMs = now + Math.min(LIMITS.hintFailureMostMs, LIMITS.hintFailureMs * 2 ** Math.min(its.bars, 30));
      its.bars++;
    }
    this.#put(its);
  }

  /** The replica served a request for the hint. O(1). */
  served(replica: Process, hint: string): void {
    const its = this.#of(replica, hint);
    if (its !== undefined) this.#drop(its);
    this.#servedBy.delete(hint);
    this.#servedBy.set(hint, replica.id);
    if (this.#servedBy.size <= LIMITS.learnedHints) return;
    const [oldest] = this.#servedBy.keys();
    if (oldest !== undefined) this.#servedBy.delete(oldest);
  }

  /** Whether another replica was the last to serve the hint: then it is not the hint that can't be served. */
  isServedElsewhere(replica: Process, hint: string): boolean {
    const last = this.#servedBy.get(hint);
    return last !== undefined && last !== replica.id;
  }

  /** Pairs of replica and hint that are remembered. */
  get size(): number {
    return this.#all.size;
  }

  /** Until when the replica is passed over for the hint; 0: it is not. O(1). */
  barredUntilMs(replica: Process, hint: string, now: number): number {
    const untilMs = this.#of(replica, hint)?.untilMs ?? 0;
    return untilMs > now ? untilMs : 0;
  }

  /** Whether any replica failed the hint lately; where none did, none is passed over for it. O(1). */
  knows(hint: string): boolean {
    return this.#byHint.has(hint);
  }

  #of(replica: Process, hint: string): HintFailure | undefined {
    return this.#byHint.get(hint)?.get(nameOf(replica));
  }

  #put(its: HintFailure): void {
    const byProcess = this.#byHint.get(its.hint) ?? new Map<string, HintFailure>();
    byProcess.set(its.process, its);
    this.#byHint.set(its.hint, byProcess);
    this.#all.delete(its);
    this.#all.add(its);
    const [oldest] = this.#all;
    if (this.#all.size > LIMITS.hintFailures && oldest !== undefined) this.#drop(oldest);
  }

  #drop(its: HintFailure): void {
    this.#all.delete(its);
    const byProcess = this.#byHint.get(its.hint);
    byProcess?.delete(its.process);
    if (byProcess?.size === 0) this.#byHint.delete(its.hint);
  }
}

function nameOf({ id, incarnation }: Process): string {
  return `${incarnation} ${id}`;
}
