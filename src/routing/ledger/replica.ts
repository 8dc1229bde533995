// One replica as the ledger knows it: its record, the requests that it serves, and questions about it alone.
import type { Failure } from "../health/outcome.ts";
import type { Counted } from "../metrics/metrics.ts";
import { emptyMean, type Mean } from "../model/mean.ts";
import { hashName, type NameHash, type Weighted } from "../rendezvous.ts";
import { LazyMap } from "./maps.ts";
import type { ReplicaStatus } from "./report.ts";

/**
 * What a request finds on its replica, as far as the router knows. `loading`: an earlier request is loading the hint there. `none`: the request has
 * no hint. `unknown`: the request was granted before a restart, or an answer showed that the replica has loaded the hint and no list has said so
 * since.
 */
export type Warmth = "warm" | "loading" | "cold" | "none" | "unknown";

/** The right to send one request to one replica. A grant holds one of the replica's slots until it is released. */
export interface Grant extends Counted {
  readonly id: number;
  readonly replica: Replica;
  readonly hint: string | null;
  /** What the request found when it was granted. */
  readonly warmth: Warmth;
  /** What the client says that serving costs; null: the client does not say. */
  readonly declaredMs: number | null;
  /** How long the request was expected to hold the slot, its load included. */
  readonly expectedMs: number;
  readonly grantedAtMs: number;
  /** The number of the arrival that counts as demand for the hint; null: none does. */
  readonly countedAt: number | null;
  /** How many replicas failed the request before. */
  readonly failures: number;
  /** Whether an answer that comes whole ends the replica's probation: the replica was ejected for a broken answer. */
  readonly proves: boolean;
  /** The hint that its load was expected to make the replica evict; null: it loads nothing, or that needs no eviction. */
  readonly evicts: string | null;
  /** Whether the response headers came. */
  answered: boolean;
  /** Whether these headers were those of a success. */
  succeeded: boolean;
  /** Whether the body is on its way. If the client breaks the body off, that looks like the body's end. */
  streams: boolean;
  /** Whether the replica failed the request, or the answer broke off, perhaps by the client's doing. Such a request teaches nothing. */
  failed: boolean;
  /** When the request was over and nobody had told how it went; Infinity: that is not so. */
  untoldSinceMs: number;
}

/**
 * A load in progress. The replica counts as warm for the hint, whatever it reports, until the grant is answered, ends or is too old. A load that the
 * replica was advised to make has no grant, and counts until the replica lists the hint or the time is over.
 */
interface Loading {
  readonly grantId: number | null;
  readonly untilMs: number;
}

/** The one request that a replica may have on probation, and until when at most the request keeps others away. */
interface Probe {
  readonly id: number;
  untilMs: number;
}

/** A failure as the edge saw it. `detail` is a few fixed words of the edge, never a client's or a replica's. */
interface LastError {
  readonly kind: Failure["kind"];
  readonly detail: string;
  readonly atMs: number;
}

/** The record of one process of a replica. */
export class Replica implements Weighted {
  readonly id: string;
  readonly incarnation: number;
  readonly hash: NameHash;
  origin = "";
  status: ReplicaStatus = "starting";
  /** Drained by an administrator, on top of its own status. */
  drained = false;
  concurrency = 1;
  hintSlots: number | null = null;
  /** The hints that the replica says it holds, each with when a request of this router last used it; null: the replica does not specialise. */
  advertised: Map<string, number> | null = null;
  /** `hashNames` of the advertised hints. */
  advertisedHash = 0;
  /** When the last list of what it holds was made, at the latest. */
  listedAtMs = -Infinity;
  /** Whether its heartbeats say what it holds. If not, only lists in responses change `advertised`. */
  reportsHints = false;
  readonly loading = new LazyMap<string, Loading>();
  /**
   * Hints that a successful answer showed to be loaded, with the time of that answer, and that no list has named since. The replica counts as warm
   * for them until a later list leaves them out. Requests for them teach nothing, because the replica may have evicted them.
   */
  readonly unreported = new LazyMap<string, number>();
  /** Its unreported hints as they are counted in `Fleet.unreportedHints`. */
  countedUnreported = 0;
  /** When a request of this router last used hints that the replica does not advertise: those that it has loaded, is loading, or serves, and few others. */
  usedAtMs = new LazyMap<string, number>();
  /** Running requests by hint: a hint in use is not evicted. */
  readonly users = new LazyMap<string, number>();
  /** The most hints that the replica was ever known to hold at once. They count as its hint slots if it does not tell these. */
  mostHeld = 0;
  /** Whether it is one of `Fleet.free`. */
  isFree = false;
  /** Its slots as they are counted in `Fleet.slots`, and its requests as in `Fleet.running`. */
  countedSlots = 0;
  countedRunning = 0;
  sequence: number | null = null;
  expiresAtMs = 0;
  /** By id, oldest first. */
  readonly grants = new LazyMap<number, Grant>();
  /**
   * Running requests whose slots were taken back because the replica counts fewer requests; oldest first, and at most as many as the replica has
   * slots. They may get their slots again.
   */
  readonly reclaimed = new LazyMap<number, Grant>();
  /** When slots were last taken back. */
  reclaimedAtMs = -Infinity;
  /** Requests of before a restart that the replica reports and no ticket has adopted. They take slots. */
  unadopted = 0;
  /** Unfinished requests that isolates have sent there by themselves, as their last reports say. They take slots. */
  direct = 0;
  /** Slots that count as taken until `withheldUntilMs`, because the replica has refused requests. */
  withheld = 0;
  withheldUntilMs = 0;
  /** When the replica last answered 503. */
  refusedAtMs = -Infinity;
  /** Whether it was restored from storage and has not told its number of requests since. */
  restored = false;
  /** By how much the slots held exceeded the requests that the last heartbeat reported, and when; null: they did not. */
  surplus: { readonly count: number; readonly atMs: number } | null = null;
  /** The replica is passed over until then; 0: it is not ejected. */
  ejectedUntilMs = 0;
  /** The start of the last ejection, and the number of ejections since the replica was last trusted: each is longer than the one before. */
  ejectedAtMs = -Infinity;
  ejections = 0;
  /** What the replica was last ejected for, which says what ends its probation; null: the replica is trusted. */
  ejectedFor: Failure["kind"] | null = null;
  /** After an ejection the replica gets one request at a time: this one, which may have lost its slot. Null: there is none. */
  probe: Probe | null = null;
  /** Requests failed, other than by a 503, since a request last ended well. */
  failuresInARow = 0;
  /** Answers 503 since the replica last answered otherwise. */
  refusalsInARow = 0;
  /** How long its requests took over what was expected (model/pace.ts). */
  readonly pace = emptyMean();
  /** The share of errors among its last answers that were successes or errors. */
  readonly errors: Mean = emptyMean();
  /** Its last failure, for the administrator. */
  lastError: LastError | null = null;
  /** The process counts as gone: it was silent for its time to live, or has left that long ago. Requests that it has not begun to answer are lost. */
  lost = false;
  /** While no replica is ready, requests hope until then that a draining or drained replica returns. */
  graceUntilMs = 0;
  /** The hint that it was last advised to load and has not listed in time; null: there is none. It is advised again once it lists that hint. */
  unheeded: string | null = null;
  /** Requests granted so far in this incarnation. */
  served = 0;

  constructor(id: string, incarnation: number) {
    this.id = id;
    this.incarnation = incarnation;
    this.hash = hashName(id);
  }

  /** A replica owns hints in proportion to the requests that it takes at once. */
  get weight(): number {
    return this.concurrency;
  }
}

/** A name for one process of a replica. No id has a space. */
export function processKey(id: string, incarnation: number): string {
  return `${incarnation} ${id}`;
}

/** Whether the replica may be given requests, free or not. */
export function isReady(replica: Replica): boolean {
  return replica.status === "ready" && !replica.drained;
}

/** Slots that count as taken. */
export function loadOf(replica: Replica): number {
  return inFlight(replica) + replica.withheld;
}

/** Requests that the replica serves, as far as the router knows. */
export function inFlight({ grants, unadopted, direct }: Replica): number {
  return grants.size + unadopted + direct;
}

/** Whether the replica holds the hint: its list or one of its answers says so. */
export function holdsHint({ advertised, unreported }: Replica, hint: string): boolean {
  return advertised?.has(hint) === true || unreported.has(hint);
}

/** Whether the replica holds the hint or is loading it. */
export function isWarm(replica: Replica, hint: string, now: number): boolean {
  if (holdsHint(replica, hint)) return true;
  const loading = replica.loading.get(hint);
  return loading !== undefined && loading.untilMs > now;
}

/** Every hint that the replica holds or loads, each once. */
export function* hintsOf(replica: Replica): Generator<string> {
  const { advertised, unreported, loading } = replica;
  if (advertised !== null) yield* advertised.keys();
  yield* unreported.keys();
  for (const hint of loading.keys()) if (!holdsHint(replica, hint)) yield hint;
}

/** The number of hints that the replica holds or loads. O(loads in progress). */
export function heldHints(replica: Replica): number {
  const { advertised, unreported, loading } = replica;
  let held = (advertised?.size ?? 0) + unreported.size;
  for (const hint of loading.keys()) if (!holdsHint(replica, hint)) held++;
  return held;
}

/**
 * Whether the replica must evict a hint to hold one more. A replica that does not tell its hint slots is taken to have as many as the most hints that
 * it was ever known to hold at once.
 */
export function mustEvict(replica: Replica): boolean {
  const { hintSlots, mostHeld, advertised } = replica;
  if (heldHints(replica) < (hintSlots ?? Math.max(1, mostHeld))) return false;
  return advertised !== null || hintSlots !== null;
}

/**
 * The hint that the replica would evict for one more: the least recently used that is not in use. Null: none must go, or all are in use. O(hints).
 */
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

/** When a request last used the hint there; -Infinity: the router does not know. Likely evictions go by this order. */
export function usedAtMs(replica: Replica, hint: string): number {
  return replica.advertised?.get(hint) ?? replica.usedAtMs.get(hint) ?? -Infinity;
}

/** Whether the replica has a hint slot for a hint that it does not hold. Loads prefer `free`, then `unknown`. */
export type HintSpace = "free" | "unknown" | "full";

export function hintSpace(replica: Replica): HintSpace {
  const held = heldHints(replica);
  if (replica.hintSlots !== null) return held < replica.hintSlots ? "free" : "full";
  return replica.advertised !== null && held === 0 ? "free" : "unknown";
}
