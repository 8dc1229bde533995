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
  /** A request may fail without reaching its replica, so that nothing there knows of it. */
  readonly refuses: boolean;
  /** It draws a crowd: requests for a hint that its replica owns. Few of them may fail (check/crowds.ts). */
  readonly crowd: Crowd | null;
}

export interface Crowd {
  /** Its replica holds the hint when the fault begins, and has said so; else it holds nothing, so that the hint is best loaded there. */
  readonly warm: boolean;
  /** Of the crowd, so many may fail from the first on that met the fault: the router must learn what is wrong. */
  readonly learning: number;
  /** Of the others that are judged, fewer than this share may fail. */
  readonly failing: number;
}

const { timeToLiveMs, ejectionMostMs } = TIMES_MS;

/** Until a heartbeat says that the replica is back. */
const NOTICED_MS = 1500;
/** A running process whose reports are refused: until what is known of it has expired and been forgotten. */
const FORGOTTEN_MS = 2 * timeToLiveMs + NOTICED_MS;

const NOTHING = { away: false, fails: false, refuses: false, crowd: null };

function onReplica(leastMs: number, mostMs: number, rest: Partial<FaultShape> = {}): FaultShape {
  return { target: "replica", leastMs, mostMs, lingersMs: NOTICED_MS, ...NOTHING, ...rest };
}

const CROWD: Crowd = { warm: true, learning: 10, failing: 0.03 };
/**
 * A replica that fails now and then is known only by many of its answers, and each that goes well is a reason to trust it again. Half of what
 * reaches it fails, so without any ejection half of what asks for its hint would.
 */
const UNCERTAIN: Crowd = { ...CROWD, learning: 40, failing: 0.15 };

/** What comes during a load counts on it: each load that fails takes two or three requests with it. */
const JOINED: Crowd = { warm: false, learning: 20, failing: 0.05 };

/** Long enough for a replica to be ejected, tried and ejected again a few times. */
function withCrowd(rest: Partial<FaultShape> = {}): FaultShape {
  return onReplica(4500, 6000, { fails: true, lingersMs: ejectionMostMs, crowd: CROWD, ...rest });
}

const ON_REPLICA = {
  /** The process dies and comes back with a new incarnation. */
  dies: onReplica(300, 1500, { away: true, fails: true, refuses: true }),
  /** It says that it stops, ends, and comes back with a new incarnation. */
  stops: onReplica(300, 1500, { away: true, fails: true, refuses: true }),
  /** Nothing reaches it, but its reports go out. */
  cut: onReplica(300, 1500, { fails: true, refuses: true, lingersMs: ejectionMostMs }),
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
  clock_back: onReplica(100, 300, { away: true, fails: true, refuses: true, lingersMs: FORGOTTEN_MS }),
  /** It restarts, and its clock is far ahead: after its next restart all its reports seem late. */
  clock_ahead: onReplica(100, 300, { away: true, fails: true, refuses: true, lingersMs: FORGOTTEN_MS }),
  /** It answers half of its requests with 500. */
  errs: withCrowd({ crowd: UNCERTAIN }),
  /** It answers everything with 500, faster than any other replica answers. */
  fails_fast: withCrowd(),
  /** It can't load one hint: 500 after a while. It serves all others. */
  fails_hint: withCrowd({ crowd: JOINED }),
  /** Its answers stop in the middle; the connections stay open. */
  stalls: withCrowd(),
  /** The process is stopped and goes on later: no reports, and connections that are open and silent. */
  freezes: withCrowd({ away: true }),
  /** What stands before it answers in its place. */
  status_502: withCrowd(),
  status_504: withCrowd(),
  /** It closes connections after an answer without saying so: the next request on one is reset. */
  closes_kept: withCrowd(),
  /** It takes half of what it says, and answers 503 to the rest. */
  full: withCrowd(),
} as const;

function elsewhere(target: Target, leastMs: number, mostMs: number, rest: Partial<FaultShape> = {}): FaultShape {
  return { target, leastMs, mostMs, lingersMs: NOTICED_MS, ...NOTHING, ...rest };
}

const ELSEWHERE = {
  object_crashes: elsewhere("object", 1, 1),
  object_throws: elsewhere("object", 200, 1000),
  object_overloaded: elsewhere("object", 200, 1000),
  object_stalls: elsewhere("object", 200, 800),
  /** All replicas stop together and come back together. */
  all_stop: elsewhere("app", 1000, 3000, { away: true, fails: true, refuses: true, lingersMs: FORGOTTEN_MS }),
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
  /** What its crowd asks for: a hint of its own that its replica owns. Empty: it draws no crowd. */
  readonly hint: string;
}

/** A fault that happened. Times are `performance.now()`. */
export interface Injected {
  readonly fault: Fault;
  readonly beganMs: number;
  /** Null: it has not ended yet. */
  endedMs: number | null;
}
