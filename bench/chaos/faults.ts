// The kinds of faults, as data: what each befalls, for how long, and how long after its end it can still be felt.
import { TUNNEL_STATUSES } from "../live/records.ts";
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

function shape(target: Target, leastMs: number, mostMs: number, rest: Partial<FaultShape> = {}): FaultShape {
  const nothing = { lingersMs: NOTICED_MS, away: false, fails: false, refuses: false, crowd: null };
  return { target, leastMs, mostMs, ...nothing, ...rest };
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
  return shape("replica", 4500, 6000, { fails: true, lingersMs: ejectionMostMs, crowd: CROWD, ...rest });
}

const DOWN = { away: true, fails: true, refuses: true };
const EJECTED = { fails: true, lingersMs: ejectionMostMs };

const NAMED = {
  /** The process dies and comes back with a new incarnation. */
  dies: shape("replica", 300, 1500, DOWN),
  /** It says that it stops, ends, and comes back with a new incarnation. */
  stops: shape("replica", 300, 1500, DOWN),
  /** Nothing reaches it, but its reports go out. */
  cut: shape("replica", 300, 1500, { ...EJECTED, refuses: true }),
  resets: shape("replica", 300, 1000, EJECTED),
  breaks_off: shape("replica", 300, 1000, EJECTED),
  hangs: shape("replica", 700, 1500, EJECTED),
  slow: shape("replica", 500, 2000),
  status_503: shape("replica", 300, 1500, EJECTED),
  drains: shape("replica", 500, 2000, { away: true }),
  drained_by_admin: shape("replica", 500, 2000, { away: true }),
  deleted_by_admin: shape("replica", 1, 1, { away: true, lingersMs: FORGOTTEN_MS }),
  beats_lost: shape("replica", 500, 4000, { away: true }),
  beats_doubled: shape("replica", 1000, 3000),
  beats_late: shape("replica", 1000, 3000),
  beats_reordered: shape("replica", 1000, 3000),
  /** It restarts, and its clock has gone back: its reports seem to be late ones. */
  clock_back: shape("replica", 100, 300, { ...DOWN, lingersMs: FORGOTTEN_MS }),
  /** It restarts, and its clock is far ahead: after its next restart all its reports seem late. */
  clock_ahead: shape("replica", 100, 300, { ...DOWN, lingersMs: FORGOTTEN_MS }),
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

const ELSEWHERE = {
  object_crashes: shape("object", 1, 1),
  object_throws: shape("object", 200, 1000),
  object_overloaded: shape("object", 200, 1000),
  object_stalls: shape("object", 200, 800),
  /** All replicas stop together and come back together. */
  all_stop: shape("app", 1000, 3000, { ...DOWN, lingersMs: FORGOTTEN_MS }),
  burst: shape("app", 200, 200, { lingersMs: 5000 }),
  directory_crashes: shape("directory", 1, 1),
  directory_throws: shape("directory", 500, 2000),
  directory_stalls: shape("directory", 200, 800),
  router_killed: shape("router", 1, 300, { lingersMs: 2000 }),
} as const;

type TunnelKind = `status_${(typeof TUNNEL_STATUSES)[number]}`;
const TUNNEL = Object.fromEntries(
  TUNNEL_STATUSES.map((status) => [`status_${status}`, shape("replica", 300, 800, EJECTED)]),
) as Readonly<Record<TunnelKind, FaultShape>>;

export type FaultKind = keyof typeof NAMED | keyof typeof ELSEWHERE | TunnelKind;

export const FAULTS: Readonly<Record<FaultKind, FaultShape>> = { ...NAMED, ...TUNNEL, ...ELSEWHERE };

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
