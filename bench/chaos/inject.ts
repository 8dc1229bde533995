// Makes faults happen: what each kind does when it begins, and what it undoes when it ends.
import { setTimeout as sleep } from "node:timers/promises";
import type { Fleet, Member } from "../live/fleet.ts";
import type { Trouble } from "../live/trouble.ts";
import { FAULTS, type Fault, type Injected } from "./faults.ts";

/** An hour: how far a clock jumps. */
const JUMP_MS = 3_600_000;
const SLOW_FACTOR = 4;
const ERRING_SHARE = 0.5;
/** A call to a switch of the router under chaos. Stalls take as long as they last. */
const SWITCH_TIMEOUT_MS = 10_000;

/** Begins the fault, waits until it is over and ends it. Never fails for a router that is down meanwhile. */
export async function inject(
  fleet: Fleet,
  fault: Fault,
  onInjected: (injected: Injected) => void,
  signal: AbortSignal,
): Promise<void> {
  const injected: Injected = { fault, beganMs: performance.now(), endedMs: null };
  onInjected(injected);
  const undo = await begin(fleet, fault);
  const leftMs = injected.beganMs + fault.forMs - performance.now();
  if (leftMs > 0) await sleep(leftMs, undefined, { signal }).catch(() => {});
  await undo();
  injected.endedMs = performance.now();
}

type Undo = () => void | Promise<void>;

const NOTHING: Undo = () => {};

/** Gives what ends it. */
async function begin(fleet: Fleet, fault: Fault): Promise<Undo> {
  const { router } = fleet;
  const { kind, app, forMs } = fault;
  switch (kind) {
    case "burst":
      return NOTHING;
    case "object_crashes":
    case "directory_crashes":
      await turn(fleet, app, "crash", 0);
      return NOTHING;
    case "object_throws":
    case "directory_throws":
      await turn(fleet, app, "throwing", forMs);
      return NOTHING;
    case "object_overloaded":
      await turn(fleet, app, "overloaded", forMs);
      return NOTHING;
    case "object_stalls":
    case "directory_stalls":
      await turn(fleet, app, "stalled", forMs);
      return NOTHING;
    case "router_killed":
      await router.kill();
      return () => router.restart();
    case "all_stop": {
      const all = fleet.members.filter(({ replica }) => replica.options.app === app);
      const undone = await Promise.all(all.map((member) => stop(member, true)));
      return async () => {
        await Promise.all(undone.map(async (undo) => undo()));
      };
    }
    default:
      return beginAt(fleet, fleet.member(app, fault.replica), fault);
  }
}

async function beginAt(fleet: Fleet, member: Member, { kind, app, replica: id, hint }: Fault): Promise<Undo> {
  const { replica, heartbeats } = member;
  const { router } = fleet;
  await awaitCrowd(member, kind, hint);
  switch (kind) {
    case "dies":
      return stop(member, false);
    case "stops":
      return stop(member, true);
    case "cut":
      await replica.cut();
      return () => replica.revive();
    case "resets":
      return trouble(member, { kind: "reset_before_headers" });
    case "breaks_off":
      return trouble(member, { kind: "reset_mid_body" });
    case "hangs":
      return trouble(member, { kind: "hang" });
    case "slow":
      return trouble(member, { kind: "slow", factor: SLOW_FACTOR });
    case "errs":
      return trouble(member, { kind: "errs", share: ERRING_SHARE });
    case "fails_fast":
      return trouble(member, { kind: "status", status: 500 });
    case "fails_hint":
      return trouble(member, { kind: "fails_hint", hint });
    case "stalls":
      return trouble(member, { kind: "stall" });
    case "closes_kept":
      return trouble(member, { kind: "closes_kept" });
    case "full":
      return trouble(member, { kind: "full" });
    case "freezes":
      return freeze(member);
    case "drains":
      heartbeats.status = "draining";
      void heartbeats.beat();
      return () => {
        heartbeats.status = "ready";
        void heartbeats.beat();
      };
    case "drained_by_admin":
      await told(router.admin(`/-/apps/${app}/replicas/${id}/drain`, "POST"));
      return () => undrain(fleet, app, id);
    case "deleted_by_admin":
      await told(router.admin(`/-/apps/${app}/replicas/${id}`, "DELETE"));
      return NOTHING;
    case "beats_lost":
      return disturb(member, "lost");
    case "beats_doubled":
      return disturb(member, "doubled");
    case "beats_late":
      return disturb(member, "late");
    case "beats_reordered":
      return disturb(member, "reordered");
    case "clock_back":
      return jump(member, -JUMP_MS);
    case "clock_ahead":
      return jump(member, JUMP_MS);
    default:
      return trouble(member, { kind: "status", status: Number(kind.slice("status_".length)) });
  }

  function trouble({ replica }: Member, what: Trouble): Undo {
    replica.trouble = what;
    return () => {
      replica.trouble = null;
    };
  }

  function freeze(member: Member): Undo {
    member.replica.freeze();
    const goOn = disturb(member, "lost");
    return () => {
      member.replica.thaw();
      return goOn();
    };
  }

  function disturb({ heartbeats }: Member, what: Member["heartbeats"]["disturbance"]): Undo {
    heartbeats.disturbance = what;
    return () => {
      heartbeats.disturbance = null;
    };
  }
}

/** What the replica holds before the requests of a crowd come. The router is told before the fault begins. */
async function awaitCrowd({ replica, heartbeats }: Member, kind: Fault["kind"], hint: string): Promise<void> {
  const { crowd } = FAULTS[kind];
  if (crowd === null) return;
  if (crowd.warm) replica.service.hold(hint);
  else replica.service.forgetHints();
  await heartbeats.beat();
}

/** The process ends, and a new one is started in its place when the fault ends. `says`: it tells the router so. */
async function stop(member: Member, says: boolean): Promise<Undo> {
  const { replica, heartbeats } = member;
  heartbeats.pause();
  if (says) await heartbeats.beat("stopped");
  await replica.die();
  return () => restart(member, Date.now());
}

async function jump(member: Member, byMs: number): Promise<Undo> {
  const { replica, heartbeats } = member;
  heartbeats.pause();
  await replica.die();
  return () => restart(member, Date.now() + byMs);
}

/** Another fault may have brought it back meanwhile: that process ends too. */
async function restart({ replica, heartbeats }: Member, incarnation: number): Promise<void> {
  await replica.die();
  await replica.revive(incarnation);
  heartbeats.resume();
}

/** Until it has been said: an administrator who is not heard says it again. */
async function undrain({ router }: Fleet, app: string, id: string): Promise<void> {
  for (let attempt = 0; attempt < 20; attempt++) {
    const status = await told(router.admin(`/-/apps/${app}/replicas/${id}/undrain`, "POST"));
    if (status === 200 || status === 404) return;
    await sleep(200);
  }
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

/** The switches of bench/chaos/worker/. An empty app: the Directory. */
async function turn({ router }: Fleet, app: string, what: string, ms: number): Promise<void> {
  const url = `${router.url}/__chaos/${app === "" ? "-" : app}/${what}?ms=${ms}`;
  await told(fetch(url, { method: "POST", signal: AbortSignal.timeout(SWITCH_TIMEOUT_MS) }));
}
