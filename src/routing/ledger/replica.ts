// One replica as the ledger knows it: its record, the requests it serves, and questions about it alone.
import type { Failure } from "../health/outcome.ts";
import { emptyMean, type Mean } from "../model/mean.ts";
import { hashName, type NameHash, type Weighted } from "../rendezvous.ts";
import type { ReplicaStatus } from "./report.ts";

/**
 * What a request finds, as far as the router knows. `loading`: the hint is being loaded there for an earlier one. `none`: the request has no
 * hint. `unknown`: it was granted before a restart, or its replica has loaded the hint, as an answer showed, and not said so since.
 */
export type Warmth = "warm" | "loading" | "cold" | "none" | "unknown";

/** The right to send one request to one replica, holding one of its slots until released. */
export interface Grant {
  readonly id: number;
  readonly replica: Replica;
  readonly hint: string | null;
  /** Whether the replica held (or was loading) the hint, as far as the router knew. */
  readonly warmth: Warmth;
  /** What the client says serving costs; null: nothing. */
  readonly declaredMs: number | null;
  /** How long it was expected to hold the slot, its load included. */
  readonly expectedMs: number;
  readonly grantedAtMs: number;
  /** The number of the arrival by which it counts as demand for its hint; null: it does not. */
  readonly countedAt: number | null;
  /** When the response headers came; null before. */
  answeredAtMs: number | null;
  /** They were those of a success. */
  succeeded: boolean;
  /** Its body is on its way. A client that breaks that off looks like its end. */
  streams: boolean;
  /** Replicas that failed the request before. */
  readonly failures: number;
  /** Its replica failed it, or it broke off in a way that may be the client's doing: it teaches nothing. */
  failed: boolean;
  /** The replica was on probation for a broken answer: that this one is whole ends it. */
  readonly proves: boolean;
}

/** A load in progress: the replica counts as warm for the hint, whatever it reports, until the grant answers or ends. */
interface Loading {
  readonly grantId: number;
  readonly untilMs: number;
}

/** The one request that a replica may have on probation, and until when it keeps others away if it goes on for so long. */
interface Probe {
  readonly id: number;
  untilMs: number;
}

export interface Replica extends Weighted {
  readonly id: string;
  readonly incarnation: number;
  readonly hash: NameHash;
  weight: number;
  origin: string;
  status: ReplicaStatus;
  /** Drained by an administrator, on top of its own status. */
  drained: boolean;
  concurrency: number;
  hintSlots: number | null;
  /** What it says it holds warm; null: it does not specialise. */
  advertised: ReadonlySet<string> | null;
  /** When the last list of what it holds was made, at the latest. */
  listedAtMs: number;
  /** Its heartbeats say what it holds. Those of a replica that says so only in band leave `advertised` as it is. */
  reportsHints: boolean;
  readonly loading: Map<string, Loading>;
  /**
   * Hints that it loaded, as a successful answer showed at that time, and has not reported since: it counts as warm for them until a later report
   * denies that. Requests for them teach nothing, because it may have evicted them.
   */
  readonly unreported: Map<string, number>;
  /** When each hint that it holds was last used by a request of this router; what orders its likely evictions. */
  readonly usedAtMs: Map<string, number>;
  /** Running requests by hint: what is in use is not evicted. */
  readonly users: Map<string, number>;
  /** The most hints it was ever known to hold at once: its hint slots, where it does not say. */
  mostHeld: number;
  /** Its slots as they are counted in `Fleet.slots`, and those of them in `Fleet.taken`. */
  countedSlots: number;
  countedTaken: number;
  sequence: number | null;
  expiresAtMs: number;
  /** By id, oldest first. */
  readonly grants: Map<number, Grant>;
  /**
   * Requests whose slots were taken back because the replica counts fewer, oldest first, until they end: the last of them, which may have
   * their slots again. And when that last happened.
   */
  readonly reclaimed: Map<number, Grant>;
  reclaimedAtMs: number;
  /** Requests of before a restart that the replica reports and no ticket has adopted. They take slots. */
  unadopted: number;
  /** Requests that isolates have sent there by themselves and not finished, by their last reports. They take slots. */
  direct: number;
  /** Slots that count as taken until then, because the replica has answered 503; and when it last did. */
  withheld: number;
  withheldUntilMs: number;
  refusedAtMs: number;
  /** Restored from storage, and its count of requests not heard since. */
  restored: boolean;
  /** The last heartbeat reported this many fewer requests than slots held, at this time. */
  surplus: { readonly count: number; readonly atMs: number } | null;
  /** Passed over until then; 0: it is not. */
  ejectedUntilMs: number;
  /** The start of the last ejection, and how many there were since it was last trusted: the next is longer (ejection.ts). */
  ejectedAtMs: number;
  ejections: number;
  /** What it was ejected for, which says what ends that; null: it is trusted. */
  ejectedFor: Failure["kind"] | null;
  /** Ejected since it was last trusted: after the ejection it gets one request at a time, this one, which may have lost its slot. */
  onProbation: boolean;
  probe: Probe | null;
  /** Requests that it failed since the last that ended well, but for answers 503; and those since it last answered otherwise. */
  failuresInARow: number;
  refusalsInARow: number;
  /** How long its requests took over what was expected (model/pace.ts). */
  readonly pace: Mean;
  /** Of its last answers that were successes or errors, the share that were errors. */
  readonly errors: Mean;
  /** What it did last that counts as a failure, for the administrator. */
  lastError: LastError | null;
  /** It was silent for its time to live, or left in another way so long ago: what it has not begun to answer is lost. */
  lost: boolean;
  /** It drains, or an administrator drains it: until then requests wait for it where no replica is ready. */
  graceUntilMs: number;
  /** Requests granted so far in this incarnation. */
  served: number;
}

/** A failure as the edge saw it. `detail` is a few fixed words of the edge, never a client's or a replica's. */
export interface LastError {
  readonly kind: Failure["kind"];
  readonly detail: string;
  readonly atMs: number;
}

/** A record that no fleet knows yet. */
export function createReplica(id: string, incarnation: number): Replica {
  return {
    id,
    incarnation,
    hash: hashName(id),
    weight: 1,
    origin: "",
    status: "starting",
    drained: false,
    concurrency: 1,
    hintSlots: null,
    advertised: null,
    listedAtMs: -Infinity,
    reportsHints: false,
    loading: new Map(),
    unreported: new Map(),
    usedAtMs: new Map(),
    users: new Map(),
    mostHeld: 0,
    countedSlots: 0,
    countedTaken: 0,
    sequence: null,
    expiresAtMs: 0,
    grants: new Map(),
    reclaimed: new Map(),
    reclaimedAtMs: -Infinity,
    unadopted: 0,
    direct: 0,
    withheld: 0,
    withheldUntilMs: 0,
    refusedAtMs: -Infinity,
    restored: false,
    surplus: null,
    ejectedUntilMs: 0,
    ejectedAtMs: -Infinity,
    ejections: 0,
    ejectedFor: null,
    onProbation: false,
    probe: null,
    failuresInARow: 0,
    refusalsInARow: 0,
    pace: emptyMean(),
    errors: emptyMean(),
    lastError: null,
    lost: false,
    graceUntilMs: 0,
    served: 0,
  };
}

/** Whether the replica may be given requests, free or not. */
export function isReady(replica: Replica): boolean {
  return replica.status === "ready" && !replica.drained;
}

/** Slots taken. */
export function loadOf(replica: Replica): number {
  return inFlight(replica) + replica.withheld;
}

/** Requests that the replica serves, as far as is known. */
export function inFlight({ grants, unadopted, direct }: Replica): number {
  return grants.size + unadopted + direct;
}

/** Whether the replica holds the hint, by its word or by an answer of its own. */
export function holdsHint({ advertised, unreported }: Replica, hint: string): boolean {
  return advertised?.has(hint) === true || unreported.has(hint);
}

/** Whether the replica holds the hint or is loading it. */
export function isWarm(replica: Replica, hint: string, now: number): boolean {
  if (holdsHint(replica, hint)) return true;
  const loading = replica.loading.get(hint);
  return loading !== undefined && loading.untilMs > now;
}

/** Every hint that it holds or loads, each once. */
export function* hintsOf(replica: Replica): Generator<string> {
  const { advertised, unreported, loading } = replica;
  if (advertised !== null) yield* advertised;
  yield* unreported.keys();
  for (const hint of loading.keys()) if (!holdsHint(replica, hint)) yield hint;
}

/** How many that are. O(loads in progress). */
export function heldHints(replica: Replica): number {
  const { advertised, unreported, loading } = replica;
  let held = (advertised?.size ?? 0) + unreported.size;
  for (const hint of loading.keys()) if (!holdsHint(replica, hint)) held++;
  return held;
}

/** Whether the replica must evict a hint to hold one more. It can hold as many as it says, else the most that it was known to hold at once. */
export function mustEvict(replica: Replica): boolean {
  const { hintSlots, mostHeld, advertised } = replica;
  if (heldHints(replica) < (hintSlots ?? Math.max(1, mostHeld))) return false;
  return advertised !== null || hintSlots !== null;
}

/** The hint that the replica would evict for one more: of those not in use the least recently used. Null: it has space, or all are in use. O(hints). */
export function evictedBy(replica: Replica): string | null {
  if (!mustEvict(replica)) return null;
  let least: string | null = null;
  let leastMs = Infinity;
  for (const hint of hintsOf(replica)) {
    if (replica.users.has(hint) || replica.loading.has(hint)) continue;
    const usedMs = usedAtMs(replica, hint);
    if (least === null || usedMs < leastMs) [least, leastMs] = [hint, usedMs];
  }
  return least;
}

/** When the hint was last used there; -Infinity: that is not known. */
export function usedAtMs(replica: Replica, hint: string): number {
  return replica.usedAtMs.get(hint) ?? -Infinity;
}

/** How welcome a hint is that the replica does not hold: a free hint slot first, then unknown, then one that must evict. */
export type HintSpace = "free" | "unknown" | "full";

export function hintSpace(replica: Replica): HintSpace {
  const held = heldHints(replica);
  if (replica.hintSlots !== null) return held < replica.hintSlots ? "free" : "full";
  return replica.advertised !== null && held === 0 ? "free" : "unknown";
}
