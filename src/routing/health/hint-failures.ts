// Which replicas have failed which hints. A replica that can't load one model serves others well, and so is never ejected. After a few failures in a
// row the replica is passed over for that hint alone, each time for longer, until it serves the hint or is a new process.
import { setNewest } from "../ledger/maps.ts";
import { LIMITS } from "../limits.ts";

/** One process of a replica. Failures are kept by its name, so that they do not keep the record of a replica that has left in memory. */
interface Process {
  readonly id: string;
  readonly incarnation: number;
}

interface HintFailure {
  readonly hint: string;
  readonly process: string;
  /** Failures in a row. */
  failures: number;
  /** How often the replica was passed over for the hint; and since when and until when it is. */
  bars: number;
  sinceMs: number;
  untilMs: number;
}

export class HintFailures {
  readonly #byHint = new Map<string, Map<string, HintFailure>>();
  /** All pairs of a process and a hint, longest not failed first. */
  readonly #all = new Set<HintFailure>();
  /** By hint: the id of the replica that served the hint last. The hint longest not served comes first. */
  readonly #servedBy = new Map<string, string>();

  /**
   * The replica failed a request for the hint. `failuresToBar`: after so many failures in a row it is passed over for the hint. From then on each
   * further failure has this effect. A request that was sent before the replica was last passed over does not count. Gives for how long the replica is
   * passed over from now on; 0: this failure changes nothing of that. O(1).
   */
  failed(replica: Process, hint: string, failuresToBar: number, sentAtMs: number, now: number): number {
    const unknown = { hint, process: nameOf(replica), failures: 0, bars: 0, sinceMs: -Infinity, untilMs: 0 };
    const its = this.#of(replica, hint) ?? unknown;
    if (sentAtMs <= its.sinceMs) return 0;
    its.failures++;
    const isBarred = its.bars > 0 || its.failures >= failuresToBar;
    if (isBarred) {
      its.sinceMs = now;
      its.untilMs = now + Math.min(LIMITS.hintFailureMostMs, LIMITS.hintFailureMs * 2 ** Math.min(its.bars, 30));
      its.bars++;
    }
    this.#put(its);
    return isBarred ? its.untilMs - now : 0;
  }

  /** The replica served a request for the hint. O(1). */
  served(replica: Process, hint: string): void {
    const its = this.#of(replica, hint);
    if (its !== undefined) this.#drop(its);
    setNewest(this.#servedBy, hint, replica.id, LIMITS.learnedHints);
  }

  /** Whether another replica served the hint last: then the hint can be served. */
  isServedElsewhere(replica: Process, hint: string): boolean {
    const last = this.#servedBy.get(hint);
    return last !== undefined && last !== replica.id;
  }

  /** Pairs of replica and hint that are remembered. */
  get size(): number {
    return this.#all.size;
  }

  /** Until when the replica is passed over for the hint; 0: the replica is not. O(1). */
  barredUntilMs(replica: Process, hint: string, now: number): number {
    const untilMs = this.#of(replica, hint)?.untilMs ?? 0;
    return untilMs > now ? untilMs : 0;
  }

  /** Whether any replica failed the hint lately. If none did, none is passed over for the hint. O(1). */
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
