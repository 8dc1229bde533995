// What may be wrong with the replicas of a simulation, and what they report by it.
import type { Random } from "./random.ts";
import type { SimulatedReplica } from "./replica.ts";

export interface Faults {
  /** Replicas do not say how many hints they can hold. */
  readonly noHintSlots: boolean;
  /** Replicas do not say in responses what they hold. */
  readonly noInBand: boolean;
  /** Reports say what was held this long ago. */
  readonly lateMs: number;
  /** Each hint is missing from a report with this probability. */
  readonly dropped: number;
  /** Each replica dies at random, this often on average, and joins again, empty, after a minute; Infinity: never. */
  readonly churnMs: number;
}

export const NO_FAULTS: Faults = { noHintSlots: false, noInBand: false, lateMs: 0, dropped: 0, churnMs: Infinity };

/** The lists that one replica reports: the truth, or that of some time ago, less what is dropped. */
export class ReportedLists {
  readonly #faults: Faults;
  readonly #random: Random;
  /** What late reports may still say, oldest first. */
  readonly #before: { readonly atMs: number; readonly hints: readonly string[] }[] = [];

  constructor(faults: Faults, random: Random) {
    this.#faults = faults;
    this.#random = random;
  }

  /** What the replica holds has changed. */
  note(replica: SimulatedReplica, now: number): void {
    if (this.#faults.lateMs > 0) this.#before.push({ atMs: now, hints: replica.loaded() });
  }

  /** What a report of now says. */
  report(replica: SimulatedReplica, now: number): readonly string[] {
    const { lateMs, dropped } = this.#faults;
    const held = lateMs === 0 ? replica.loaded() : this.#heldAt(now - lateMs);
    return dropped === 0 ? held : held.filter(() => this.#random() >= dropped);
  }

  #heldAt(thenMs: number): readonly string[] {
    while ((this.#before[1]?.atMs ?? Infinity) <= thenMs) this.#before.shift();
    const [oldest] = this.#before;
    return oldest !== undefined && oldest.atMs <= thenMs ? oldest.hints : [];
  }
}
