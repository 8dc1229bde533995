// How faults happen: what each does when it begins, and what undoes that when it ends. None fails because the router is down.
import { setTimeout as sleep } from "node:timers/promises";
import type { Fleet } from "../live/fleet.ts";
import type { Disturbance, Member } from "../live/member.ts";
import type { Trouble } from "../live/records.ts";

/** A call to a switch of the router under chaos. Stalls take as long as they last. */
const SWITCH_TIMEOUT_MS = 10_000;
const UNDRAIN = { attempts: 20, againMs: 200 };

/** What a fault befalls, and for how long. */
export interface Place {
  readonly forMs: number;
  /** Empty: it befalls no app in particular. */
  readonly app: string;
  /** Empty: it befalls no replica in particular. */
  readonly replica: string;
  /** What its crowd asks for: a hint of its own that its replica owns. Empty: it draws no crowd. */
  readonly hint: string;
}

/** Ends a fault. */
type Undo = () => void | Promise<void>;
/** Begins a fault, and gives what ends it. */
export type Begin = (fleet: Fleet, place: Place) => Undo | Promise<Undo>;

/** A fault that befalls one replica. */
export function member(begin: (member: Member, place: Place) => Undo | Promise<Undo>): Begin {
  return (fleet, place) => begin(fleet.member(place.app, place.replica), place);
}

export function trouble(what: Trouble | ((place: Place) => Trouble)): Begin {
  return member(({ replica }, place) => {
    replica.trouble = typeof what === "function" ? what(place) : what;
    return () => void (replica.trouble = null);
  });
}

export function status(its: number): Begin {
  return trouble({ kind: "status", status: its });
}

export function disturbed(what: Disturbance): Begin {
  return member((its) => {
    its.disturbance = what;
    return () => void (its.disturbance = null);
  });
}

export const freeze: Begin = member((its) => {
  its.replica.freeze();
  its.disturbance = "lost";
  return () => {
    its.replica.thaw();
    its.disturbance = null;
  };
});

/** Processes end. New ones, whose clocks are `jumpsMs` ahead, take their place when the fault ends. Without a replica: all of the app. */
export function stop({ says = false, jumpsMs = 0 } = {}): Begin {
  return async (fleet, { app, replica }) => {
    const members = replica === "" ? fleet.of(app) : [fleet.member(app, replica)];
    await Promise.all(members.map((its) => its.stop(says)));
    return async () => void (await Promise.all(members.map((its) => its.restart(Date.now() + jumpsMs))));
  };
}

export const drainByAdmin: Begin = async ({ router }, { app, replica }) => {
  const target = `/-/apps/${app}/replicas/${replica}`;
  await told(router.admin(`${target}/drain`, "POST"));
  // An administrator who is not heard says it again.
  return async () => {
    for (let attempt = 0; attempt < UNDRAIN.attempts; attempt++) {
      const heard = await told(router.admin(`${target}/undrain`, "POST"));
      if (heard === 200 || heard === 404) return;
      await sleep(UNDRAIN.againMs);
    }
  };
};

export const deleteByAdmin: Begin = async ({ router }, { app, replica }) => {
  await told(router.admin(`/-/apps/${app}/replicas/${replica}`, "DELETE"));
  return () => {};
};

/** The switches of bench/chaos/worker/. Without an app: the Directory. */
export function turn(what: string): Begin {
  return async ({ router }, { app, forMs }) => {
    const url = `${router.url}/__chaos/${app === "" ? "-" : app}/${what}?ms=${forMs}`;
    await told(fetch(url, { method: "POST", signal: AbortSignal.timeout(SWITCH_TIMEOUT_MS) }));
    return () => {};
  };
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
