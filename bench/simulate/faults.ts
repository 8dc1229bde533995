// What may be wrong with the replicas of a simulation.
import type { Random } from "./random.ts";
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
  /** Each replica dies at random, this often on average, and joins again, empty, after a minute. Infinity: never. */
  churnMs: Infinity,
  /** Each answer is a 500 with this probability, after its usual time. */
  errorShare: 0,
  /** One replica can't load this hint: 500 after as long as a load takes. `true`: the workload's most frequent hint. Null: no hint. */
  failingHint: null as string | true | null,
  /** One replica answers 500 to everything at once. */
  failsFast: false,
  /** One replica's answers stop in the middle, and are ended after the idle timeout. */
  stalls: false,
};

export type Faults = Readonly<typeof NO_FAULTS>;

/** The places of the faulty replicas. In a fleet of fewer replicas one has several faults. */
const FAULTY = { failingHint: 0, failsFast: 1, stalls: 2 } as const;
/** A replica that fails fast answers after this long. */
const FAILS_FAST_MS = 5;
/** The default of IDLE_TIMEOUT_MS. */
export const IDLE_TIMEOUT_MS = 600_000;

/** Whether requests can fail, so that their share is reported. */
export function canFail({ errorShare, failingHint, failsFast, stalls }: Faults): boolean {
  return errorShare > 0 || failingHint !== null || failsFast || stalls;
}

/** Which answers fail. Each request has a draw of its own, so that the same requests fail under every router. */
export function failuresOf(faults: Faults, workload: Workload, replicas: number, random: Random) {
  const { errorShare, failingHint } = faults;
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
    endingOf(replica: number, id: number): "served" | "error" | "stall" {
      if (faults.stalls && isFaulty(replica, "stalls")) return "stall";
      return erring.has(id) ? "error" : "served";
    },
  };
}
