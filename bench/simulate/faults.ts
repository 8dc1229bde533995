// What may be wrong with the replicas of a simulation, and what they report by it.
import type { Random } from "./random.ts";
import type { SimulatedReplica } from "./replica.ts";
import { hintsOf, type Workload } from "./workload.ts";

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
  /** Each answer is a 500 with this probability, after its usual time. */
  readonly errorShare: number;
  /** One replica can't load this hint: 500 after as long as a load takes. `true`: the workload's most frequent; null: there is none. */
  readonly failingHint: string | true | null;
  /** One replica answers 500 to everything at once. */
  readonly failsFast: boolean;
  /** One replica's answers stop in the middle, and are ended after the idle timeout. */
  readonly stalls: boolean;
}

export const NO_FAULTS: Faults = {
  ...{ noHintSlots: false, noInBand: false, lateMs: 0, dropped: 0, churnMs: Infinity },
  ...{ errorShare: 0, failingHint: null, failsFast: false, stalls: false },
};

/** Which replicas are faulty, by place; in a fleet of fewer one is all of them. */
const FAULTY = { failingHint: 0, failsFast: 1, stalls: 2 } as const;
/** How soon a replica that fails fast answers. */
const FAILS_FAST_MS = 5;
/** As the default of IDLE_TIMEOUT_MS. */
export const IDLE_TIMEOUT_MS = 600_000;

/** Whether requests can fail, so that there is a share of them to be reported. */
export function canFail({ errorShare, failingHint, failsFast, stalls }: Faults): boolean {
  return errorShare > 0 || failingHint !== null || failsFast || stalls;
}

/** How an answer ends: well, as a 500, or not at all. */
export type Ending = "served" | "error" | "stall";

/** Which answers fail. Of the draws, each request has its own, so that the same requests fail whatever the router does. */
export class Failures {
  readonly #faults: Faults;
  readonly #replicas: number;
  readonly #failingHint: string | null;
  readonly #erring: ReadonlySet<number>;

  constructor(faults: Faults, workload: Workload, replicas: number, random: Random) {
    const { errorShare, failingHint } = faults;
    this.#faults = faults;
    this.#replicas = replicas;
    // The first of those that come most often.
    this.#failingHint = failingHint === true ? (hintsOf(workload)[0]?.[0] ?? null) : failingHint;
    const erring = errorShare === 0 ? [] : workload.flatMap((_, id) => (random() < errorShare ? [id] : []));
    this.#erring = new Set(erring);
  }

  /** After how long the replica answers 500 without serving; null: it serves. */
  refusesAfterMs(replica: number, hint: string, loadMs: (hint: string) => number): number | null {
    if (this.#faults.failsFast && this.#is(replica, "failsFast")) return FAILS_FAST_MS;
    return hint === this.#failingHint && this.#is(replica, "failingHint") ? loadMs(hint) : null;
  }

  /** How the answer of a replica that serves ends. */
  endingOf(replica: number, id: number): Ending {
    if (this.#faults.stalls && this.#is(replica, "stalls")) return "stall";
    return this.#erring.has(id) ? "error" : "served";
  }

  #is(replica: number, which: keyof typeof FAULTY): boolean {
    return replica === FAULTY[which] % this.#replicas;
  }
}

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
