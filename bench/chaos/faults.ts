// The kinds of faults, as data: what each befalls, for how long, and how long after its end it can still be felt.
import { TUNNEL_STATUSES } from "../live/trouble.ts";
import { TIMES_MS } from "./settings.ts";

export type Target = "replica" | "object" | "app" | "directory" | "router";

export interface FaultShape {
  readonly target: Target;
  /** How long it lasts: drawn from here. */
  readonly leastMs: number;
  readonly mostMs: number;
  /** After its end, until everything should be as without it. */
  readonly lingersMs: number;
  /** Its replica may not be listed as ready meanwhile. */
  readonly away: boolean;
  /** A request that reaches its replica may fail, or not reach it. */
  readonly fails: boolean;
}

const { timeToLiveMs, ejectionMostMs } = TIMES_MS;

/** Until a heartbeat says that the replica is back. */
const NOTICED_MS = 1500;
/** A running process whose reports are refused: until what is known of it has expired and been forgotten. */
const FORGOTTEN_MS = 2 * timeToLiveMs + NOTICED_MS;

function onReplica(leastMs: number, mostMs: number, rest: Partial<FaultShape> = {}): FaultShape {
  return { target: "replica", leastMs, mostMs, lingersMs: NOTICED_MS, away: false, fails: false, ...rest };
}

const ON_REPLICA = {
  /** The process dies and comes back with a new incarnation. */
  dies: onReplica(300, 1500, { away: true, fails: true }),
  /** It says that it stops, ends, and comes back with a new incarnation. */
  stops: onReplica(300, 1500, { away: true, fails: true }),
  /** Nothing reaches it, but its reports go out. */
  cut: onReplica(300, 1500, { fails: true, lingersMs: ejectionMostMs }),
  resets: onReplica(300, 1000, { fails: true, lingersMs: ejectionMostMs }),
  breaks_off: onReplica(300, 1000, { fails: true, lingersMs: ejectionMostMs }),
  hangs: onReplica(700, 1500, { fails: true, lingersMs: ejectionMostMs }),
  slow: onReplica(500, 2000),
  status_503: onReplica(300, 1500, { fails: true, lingersMs: ejectionMostMs }),
  drains: onReplica(500, 2000, { away: true }),
  drained_by_admin: onReplica(500, 2000, { away: true }),
  deleted_by_admin: onReplica(1, 1, { away: true, lingersMs: FORGOTTEN_MS }),
  beats_lost: onReplica(500, 4000, { away: true }),
  beats_doubled: onReplica(1000, 3000),
  beats_late: onReplica(1000, 3000),
  beats_reordered: onReplica(1000, 3000),
  /** It restarts, and its clock has gone back: its reports seem to be late ones. */
  clock_back: onReplica(100, 300, { away: true, fails: true, lingersMs: FORGOTTEN_MS }),
  /** It restarts, and its clock is far ahead: after its next restart all its reports seem late. */
  clock_ahead: onReplica(100, 300, { away: true, fails: true, lingersMs: FORGOTTEN_MS }),
} as const;

function elsewhere(target: Target, leastMs: number, mostMs: number, rest: Partial<FaultShape> = {}): FaultShape {
  return { target, leastMs, mostMs, lingersMs: NOTICED_MS, away: false, fails: false, ...rest };
}

const ELSEWHERE = {
  object_crashes: elsewhere("object", 1, 1),
  object_throws: elsewhere("object", 200, 1000),
  object_overloaded: elsewhere("object", 200, 1000),
  object_stalls: elsewhere("object", 200, 800),
  /** All replicas stop together and come back together. */
  all_stop: elsewhere("app", 1000, 3000, { away: true, fails: true, lingersMs: FORGOTTEN_MS }),
  burst: elsewhere("app", 200, 200, { lingersMs: 5000 }),
  directory_crashes: elsewhere("directory", 1, 1),
  directory_throws: elsewhere("directory", 500, 2000),
  directory_stalls: elsewhere("directory", 200, 800),
  router_killed: elsewhere("router", 1, 300, { lingersMs: 2000 }),
} as const;

type TunnelKind = `status_${(typeof TUNNEL_STATUSES)[number]}`;

const TUNNEL = Object.fromEntries(
  TUNNEL_STATUSES.map((status) => [`status_${status}`, onReplica(300, 800, { fails: true, lingersMs: ejectionMostMs })]),
) as Readonly<Record<TunnelKind, FaultShape>>;

export type FaultKind = keyof typeof ON_REPLICA | keyof typeof ELSEWHERE | TunnelKind;

export const FAULTS: Readonly<Record<FaultKind, FaultShape>> = { ...ON_REPLICA, ...TUNNEL, ...ELSEWHERE };

export const FAULT_KINDS = Object.keys(FAULTS) as readonly FaultKind[];

/** One fault of a schedule. Times are from its start. */
export interface Fault {
  readonly kind: FaultKind;
  readonly atMs: number;
  readonly forMs: number;
  /** Empty: it befalls no app in particular. */
  readonly app: string;
  /** Empty: it befalls no replica in particular. */
  readonly replica: string;
}

/** A fault that happened. Times are `performance.now()`. */
export interface Injected {
  readonly fault: Fault;
  readonly beganMs: number;
  /** Null: it has not ended yet. */
  endedMs: number | null;
}
