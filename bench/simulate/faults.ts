// What may be wrong with the replicas of a simulation, and what they report by it.
import type { Random } from "./random.ts";
import type { SimulatedReplica } from "./replica.ts";
import { hintsOf, type Workload } from "./workload.ts";

export const NO_FAULTS = {
  /** Replicas do not say how many hints they can hold. */
  noHintSlots: false,
  /** Replicas do not say in responses what they hold. */
  noInBand: false,
  /** Reports say what was held this long ago. */
  lateMs: 0,
  /** Each hint is missing from a report with this probability. */
  dropped: 0,
  /** Each replica dies at random, this often on average, and joins again, empty, after a minute; Infinity: never. */
  churnMs: Infinity,
  /** Each answer is a 500 with this probability, after its usual time. */
  errorShare: 0,
  /** One replica can't load this hint: 500 after as long as a load takes. `true`: the workload's most frequent; null: there is none. */
  failingHint: null as string | true | null,
  /** One replica answers 500 to everything at once. */
  failsFast: false,
  /** One replica's answers stop in the middle, and are ended after the idle timeout. */
  stalls: false,
};

export type Faults = Readonly<typeof NO_FAULTS>;

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
export function failuresOf(faults: Faults, workload: Workload, replicas: number, random: Random) {
  const { errorShare, failingHint } = faults;
  // The first of those that come most often.
  const failing = failingHint === true ? hintsOf(workload)[0]?.[0] : failingHint;
  const erring = new Set(errorShare === 0 ? [] : workload.flatMap((_, id) => (random() < errorShare ? [id] : [])));
  const isFaulty = (replica: number, which: keyof typeof FAULTY) => replica === FAULTY[which] % replicas;
  return {
    /** After how long the replica answers 500 without serving; null: it serves. */
    refusesAfterMs(replica: number, hint: string, loadMs: (hint: string) => number): number | null {
      if (faults.failsFast && isFaulty(replica, "failsFast")) return FAILS_FAST_MS;
      return hint === failing && isFaulty(replica, "failingHint") ? loadMs(hint) : null;
    },
    /** How the answer of a replica that serves ends. */
    endingOf(replica: number, id: number): Ending {
      if (faults.stalls && isFaulty(replica, "stalls")) return "stall";
      return erring.has(id) ? "error" : "served";
    },
  };
}

/** The lists that one replica reports: the truth, or that of some time ago, less what is dropped. */
export function reportedLists({ lateMs, dropped }: Faults, random: Random) {
  /** What late reports may still say, oldest first. */
  const before: { readonly atMs: number; readonly hints: readonly string[] }[] = [];
  const heldAt = (thenMs: number) => {
    while ((before[1]?.atMs ?? Infinity) <= thenMs) before.shift();
    return (before[0]?.atMs ?? Infinity) <= thenMs ? (before[0]?.hints ?? []) : [];
  };
  return {
    /** What the replica holds has changed. */
    note(replica: SimulatedReplica, now: number): void {
      if (lateMs > 0) before.push({ atMs: now, hints: replica.loaded() });
    },
    /** What a report of now says. */
    report(replica: SimulatedReplica, now: number): readonly string[] {
      const held = lateMs === 0 ? replica.loaded() : heldAt(now - lateMs);
      return dropped === 0 ? held : held.filter(() => random() >= dropped);
    },
  };
}
