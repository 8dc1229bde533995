// Makes faults happen: what each kind does when it begins, and what it undoes when it ends.
import { setTimeout as sleep } from "node:timers/promises";
import type { Fleet, Member } from "../live/fleet.ts";
import type { Disturbance } from "../live/heartbeats.ts";
import { TUNNEL_STATUSES, type Trouble } from "../live/records.ts";
import { FAULTS, type Fault, type FaultKind, type Injected } from "./faults.ts";

/** An hour: how far a clock jumps. */
const JUMP_MS = 3_600_000;
/** A call to a switch of the router under chaos. Stalls take as long as they last. */
const SWITCH_TIMEOUT_MS = 10_000;
const UNDRAIN_ATTEMPTS = 20;
const UNDRAIN_AGAIN_MS = 200;

type Undo = () => void | Promise<void>;
/** Begins a fault, and gives what ends it. */
type Begin = (fleet: Fleet, fault: Fault) => Undo | Promise<Undo>;
type TunnelKind = `status_${(typeof TUNNEL_STATUSES)[number]}`;

/** Begins the fault, waits until it is over and ends it. Never fails for a router that is down meanwhile. */
export async function inject(fleet: Fleet, fault: Fault, onInjected: (injected: Injected) => void): Promise<void> {
  const injected: Injected = { fault, beganMs: performance.now(), endedMs: null };
  onInjected(injected);
  const { crowd } = FAULTS[fault.kind];
  if (crowd !== null) await prepare(fleet.member(fault.app, fault.replica), crowd.warm ? [fault.hint] : []);
  const undo = await BEGIN[fault.kind](fleet, fault);
  const leftMs = injected.beganMs + fault.forMs - performance.now();
  if (leftMs > 0) await sleep(leftMs, undefined, { signal: fleet.signal }).catch(() => {});
  await undo();
  injected.endedMs = performance.now();
}

const NOTHING: Undo = () => {};

const BEGIN: Readonly<Record<FaultKind, Begin>> = {
  dies: at((member) => stop(member)),
  stops: at((member) => stop(member, { says: true })),
  clock_back: at((member) => stop(member, { jumpsMs: -JUMP_MS })),
  clock_ahead: at((member) => stop(member, { jumpsMs: JUMP_MS })),
  cut: at(async ({ replica }) => {
    await replica.cut();
    return () => replica.revive();
  }),
  resets: trouble(() => ({ kind: "reset_before_headers" })),
  breaks_off: trouble(() => ({ kind: "reset_mid_body" })),
  hangs: trouble(() => ({ kind: "hang" })),
  slow: trouble(() => ({ kind: "slow", factor: 4 })),
  errs: trouble(() => ({ kind: "errs", share: 0.5 })),
  fails_fast: status(500),
  fails_hint: trouble(({ hint }) => ({ kind: "fails_hint", hint })),
  stalls: trouble(() => ({ kind: "stall" })),
  closes_kept: trouble(() => ({ kind: "closes_kept" })),
  full: trouble(() => ({ kind: "full" })),
  status_502: status(502),
  status_503: status(503),
  status_504: status(504),
  ...(Object.fromEntries(TUNNEL_STATUSES.map((its) => [`status_${its}`, status(its)])) as Record<TunnelKind, Begin>),
  freezes: at(({ replica, heartbeats }) => {
    replica.freeze();
    heartbeats.disturbance = "lost";
    return () => {
      replica.thaw();
      heartbeats.disturbance = null;
    };
  }),
  drains: at(({ heartbeats }) => {
    void heartbeats.become("draining");
    return () => void heartbeats.become("ready");
  }),
  async drained_by_admin({ router }, { app, replica }) {
    const target = `/-/apps/${app}/replicas/${replica}`;
    await told(router.admin(`${target}/drain`, "POST"));
    // Until it has been said: an administrator who is not heard says it again.
    return async () => {
      for (let attempt = 0; attempt < UNDRAIN_ATTEMPTS; attempt++) {
        const heard = await told(router.admin(`${target}/undrain`, "POST"));
        if (heard === 200 || heard === 404) return;
        await sleep(UNDRAIN_AGAIN_MS);
      }
    };
  },
  async deleted_by_admin({ router }, { app, replica }) {
    await told(router.admin(`/-/apps/${app}/replicas/${replica}`, "DELETE"));
    return NOTHING;
  },
  beats_lost: disturbed("lost"),
  beats_doubled: disturbed("doubled"),
  beats_late: disturbed("late"),
  beats_reordered: disturbed("reordered"),
  async all_stop(fleet, { app }) {
    const undone = await Promise.all(fleet.of(app).map((member) => stop(member, { says: true })));
    return async () => void (await Promise.all(undone.map(async (undo) => undo())));
  },
  burst: () => NOTHING,
  object_crashes: turn("crash"),
  object_throws: turn("throwing"),
  object_overloaded: turn("overloaded"),
  object_stalls: turn("stalled"),
  directory_crashes: turn("crash"),
  directory_throws: turn("throwing"),
  directory_stalls: turn("stalled"),
  async router_killed({ router }) {
    await router.kill();
    return () => router.restart();
  },
};

/** Of a fault that befalls one replica. */
function at(begin: (member: Member, fault: Fault) => Undo | Promise<Undo>): Begin {
  return (fleet, fault) => begin(fleet.member(fault.app, fault.replica), fault);
}

function trouble(what: (fault: Fault) => Trouble): Begin {
  return at(({ replica }, fault) => {
    replica.trouble = what(fault);
    return () => void (replica.trouble = null);
  });
}

function status(its: number): Begin {
  return trouble(() => ({ kind: "status", status: its }));
}

function disturbed(what: Disturbance): Begin {
  return at(({ heartbeats }) => {
    heartbeats.disturbance = what;
    return () => void (heartbeats.disturbance = null);
  });
}

/** The switches of bench/chaos/worker/. Without an app: the Directory. */
function turn(what: string): Begin {
  return async ({ router }, { app, forMs }) => {
    const url = `${router.url}/__chaos/${app === "" ? "-" : app}/${what}?ms=${forMs}`;
    await told(fetch(url, { method: "POST", signal: AbortSignal.timeout(SWITCH_TIMEOUT_MS) }));
    return NOTHING;
  };
}

/** The process ends. A new one, whose clock is `jumpsMs` ahead, takes its place when the fault ends. */
async function stop(member: Member, { says = false, jumpsMs = 0 } = {}): Promise<Undo> {
  await member.stop(says);
  return () => member.restart(Date.now() + jumpsMs);
}

/** What the replica holds before the requests of a crowd come. The router is told before the fault begins. */
async function prepare({ replica, heartbeats }: Member, hints: readonly string[]): Promise<void> {
  if (hints.length === 0) replica.hints = [];
  for (const hint of hints) replica.hold(hint);
  await heartbeats.beat();
}

/** The status of an answer; null: there was none. */
async function told(answer: Promise<Response>): Promise<number | null> {
  try {
    const response = await answer;
    await response.arrayBuffer();
    return response.status;
  } catch {
    return null;
  }
}
