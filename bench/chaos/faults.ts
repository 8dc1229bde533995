// The kinds of faults: what each befalls, for how long, how long after its end it can still be felt, and how it is made to happen (inject.ts).
import { TUNNEL_STATUSES } from "../live/records.ts";
import {
  deleteByAdmin,
  disturbed,
  drainByAdmin,
  freeze,
  member,
  status,
  stop,
  trouble,
  turn,
  type Begin,
  type Place,
} from "./inject.ts";
import { TIMES_MS } from "./settings.ts";

export interface FaultShape {
  readonly target: "replica" | "object" | "app" | "directory" | "router";
  readonly begin: Begin;
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
  /** Its replica holds the hint when the fault begins, and has said so. Otherwise it holds nothing, so that the hint is best loaded there. */
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
/** How far a clock jumps. */
const HOUR_MS = 3_600_000;

function shape(target: FaultShape["target"], [leastMs, mostMs]: readonly [number, number], begin: Begin, rest = {}): FaultShape {
  const nothing = { lingersMs: NOTICED_MS, away: false, fails: false, refuses: false, crowd: null };
  return { target, begin, leastMs, mostMs, ...nothing, ...rest };
}

type Rest = Partial<Omit<FaultShape, "target" | "begin">>;
const replica = (lasts: readonly [number, number], begin: Begin, rest: Rest = {}) => shape("replica", lasts, begin, rest);

const CROWD: Crowd = { warm: true, learning: 10, failing: 0.03 };
/**
 * A replica that fails now and then is known only by many of its answers, and each that goes well is a reason to trust it again. Half of what
 * reaches it fails, so without any ejection half of what asks for its hint would.
 */
const UNCERTAIN: Crowd = { ...CROWD, learning: 40, failing: 0.15 };
/** What comes during a load counts on it: each load that fails takes two or three requests with it. */
const JOINED: Crowd = { warm: false, learning: 20, failing: 0.05 };

const DOWN = { away: true, fails: true, refuses: true };
const EJECTED = { fails: true, lingersMs: ejectionMostMs };
/** Long enough for a replica to be ejected, tried and ejected again a few times. */
const withCrowd = (begin: Begin, rest: Rest = {}) => replica([4500, 6000], begin, { ...EJECTED, crowd: CROWD, ...rest });

const NAMED = {
  /** The process dies and comes back with a new incarnation. */
  dies: replica([300, 1500], stop(), DOWN),
  /** The process says that it stops, ends, and comes back with a new incarnation. */
  stops: replica([300, 1500], stop({ says: true }), DOWN),
  /** Nothing reaches it, but its reports go out. */
  cut: replica(
    [300, 1500],
    member(async (its) => {
      await its.replica.cut();
      return () => its.replica.revive();
    }),
    { ...EJECTED, refuses: true },
  ),
  resets: replica([300, 1000], trouble({ kind: "reset_before_headers" }), EJECTED),
  breaks_off: replica([300, 1000], trouble({ kind: "reset_mid_body" }), EJECTED),
  hangs: replica([700, 1500], trouble({ kind: "hang" }), EJECTED),
  slow: replica([500, 2000], trouble({ kind: "slow", factor: 4 })),
  status_503: replica([300, 1500], status(503), EJECTED),
  drains: replica(
    [500, 2000],
    member((its) => {
      void its.become("draining");
      return () => void its.become("ready");
    }),
    { away: true },
  ),
  drained_by_admin: replica([500, 2000], drainByAdmin, { away: true }),
  deleted_by_admin: replica([1, 1], deleteByAdmin, { away: true, lingersMs: FORGOTTEN_MS }),
  beats_lost: replica([500, 4000], disturbed("lost"), { away: true }),
  beats_doubled: replica([1000, 3000], disturbed("doubled")),
  beats_late: replica([1000, 3000], disturbed("late")),
  beats_reordered: replica([1000, 3000], disturbed("reordered")),
  /** It restarts, and its clock has gone back: its reports seem to be late ones. */
  clock_back: replica([100, 300], stop({ jumpsMs: -HOUR_MS }), { ...DOWN, lingersMs: FORGOTTEN_MS }),
  /** It restarts, and its clock is far ahead: after its next restart all its reports seem late. */
  clock_ahead: replica([100, 300], stop({ jumpsMs: HOUR_MS }), { ...DOWN, lingersMs: FORGOTTEN_MS }),
  /** It answers half of its requests with 500. */
  errs: withCrowd(trouble({ kind: "errs", share: 0.5 }), { crowd: UNCERTAIN }),
  /** It answers everything with 500, faster than any other replica answers. */
  fails_fast: withCrowd(status(500)),
  /** It can't load one hint: 500 after a while. It serves all others. */
  fails_hint: withCrowd(
    trouble(({ hint }) => ({ kind: "fails_hint", hint })),
    { crowd: JOINED },
  ),
  /** Its answers stop in the middle. The connections stay open. */
  stalls: withCrowd(trouble({ kind: "stall" })),
  /** The process is stopped and goes on later: no reports, and connections that are open and silent. */
  freezes: withCrowd(freeze, { away: true }),
  /** What stands before it answers in its place. */
  status_502: withCrowd(status(502)),
  status_504: withCrowd(status(504)),
  /** It closes connections after an answer without saying so: the next request on one is reset. */
  closes_kept: withCrowd(trouble({ kind: "closes_kept" })),
  /** It takes half of what it says, and answers 503 to the rest. */
  full: withCrowd(trouble({ kind: "full" })),
} as const;

type TunnelKind = `status_${(typeof TUNNEL_STATUSES)[number]}`;
const TUNNEL = Object.fromEntries(
  TUNNEL_STATUSES.map((its) => [`status_${its}`, replica([300, 800], status(its), EJECTED)]),
) as Readonly<Record<TunnelKind, FaultShape>>;

const ELSEWHERE = {
  object_crashes: shape("object", [1, 1], turn("crash")),
  object_throws: shape("object", [200, 1000], turn("throwing")),
  object_overloaded: shape("object", [200, 1000], turn("overloaded")),
  object_stalls: shape("object", [200, 800], turn("stalled")),
  /** All replicas stop together and come back together. */
  all_stop: shape("app", [1000, 3000], stop({ says: true }), { ...DOWN, lingersMs: FORGOTTEN_MS }),
  /** Its requests are in the schedule. */
  burst: shape("app", [200, 200], () => () => {}, { lingersMs: 5000 }),
  directory_crashes: shape("directory", [1, 1], turn("crash")),
  directory_throws: shape("directory", [500, 2000], turn("throwing")),
  directory_stalls: shape("directory", [200, 800], turn("stalled")),
  router_killed: shape(
    "router",
    [1, 300],
    async ({ router }) => {
      await router.kill();
      return () => router.restart();
    },
    { lingersMs: 2000 },
  ),
} as const;

export type FaultKind = keyof typeof NAMED | keyof typeof ELSEWHERE | TunnelKind;

export const FAULTS: Readonly<Record<FaultKind, FaultShape>> = { ...NAMED, ...TUNNEL, ...ELSEWHERE };

export const FAULT_KINDS = Object.keys(FAULTS) as readonly FaultKind[];

/** One fault of a schedule. Times are from its start. */
export interface Fault extends Place {
  readonly kind: FaultKind;
  readonly atMs: number;
}

/** A fault that happened. Times are `performance.now()`. */
export interface Injected {
  readonly fault: Fault;
  readonly beganMs: number;
  /** Null: it has not ended yet. */
  endedMs: number | null;
}
