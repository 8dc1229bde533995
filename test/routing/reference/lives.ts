// The life of each replica as the events tell it: who is in the fleet, in which incarnation and state. Written from what docs/protocol.md says of events.
import type { FleetEvent } from "../../../src/routing/events/event.ts";
import type { Fleet } from "../../../src/routing/ledger/fleet.ts";
import type { Scheduler } from "../../../src/routing/scheduler.ts";

interface Life {
  readonly status: string;
  readonly drained: boolean;
  readonly unhealthy: boolean;
}

type Lives = ReadonlyMap<string, Life>;

const followed = new WeakMap<Scheduler, { readonly lives: Lives; readonly last: number }>();

/** Where the events since the last call do not lead from the fleet of then to that of now, in words; none: they do. */
export function misled(scheduler: Scheduler): string[] {
  const { fleet, events } = scheduler;
  const before = followed.get(scheduler);
  const due = livesIn(fleet);
  followed.set(scheduler, { lives: due, last: events.last });
  if (before === undefined) return [];
  const lives = new Map(before.lives);
  for (const event of events.after(before.last)) {
    const wrong = follow(lives, event);
    if (wrong !== null) return [`event ${event.kind}: ${wrong}`];
  }
  const [told, is] = [textOf(lives), textOf(due)];
  return told === is ? [] : [`events tell ${told}; it is ${is}`];
}

function livesIn({ replicas }: Fleet): Lives {
  return new Map(
    [...replicas.values()].map(({ id, status, drained, ejectedFor }) => [
      id,
      { status, drained, unhealthy: ejectedFor !== null },
    ]),
  );
}

/** Says what can't have happened; null: it can. */
function follow(lives: Map<string, Life>, event: FleetEvent): string | null {
  if (event.kind === "object_started") return "in mid-life";
  const { replica } = event;
  const life = lives.get(replica);
  if (event.kind === "joined") {
    if (life !== undefined) return `${replica} was there`;
    lives.set(replica, event);
    return null;
  }
  if (life === undefined) return `${replica} was not there`;
  const is = (more: Partial<Life>) => void lives.set(replica, { ...life, ...more });
  switch (event.kind) {
    case "restarted":
      is({ status: event.status, drained: false, unhealthy: false });
      return null;
    case "starting":
    case "ready":
    case "draining":
      is({ status: event.kind });
      return life.status === event.before && life.status !== event.kind ? null : `it was ${life.status}`;
    case "drained":
    case "undrained":
      is({ drained: event.kind === "drained" });
      return life.drained === (event.kind === "drained") ? "it was so before" : null;
    case "stopped":
    case "expired":
    case "removed":
    case "replaced":
      lives.delete(replica);
      return null;
    case "ejected":
      is({ unhealthy: true });
      return event.forMs > 0 ? null : "for no time";
    case "trusted":
      is({ unhealthy: false });
      return life.unhealthy ? null : "it was trusted before";
    case "hint_failed":
      return event.forMs > 0 ? null : "for no time";
    case "loaded":
      return event.loadMs >= 0 && event.evicts !== event.hint ? null : "no such load";
    case "advised":
      return event.evicts !== event.hint ? null : "no such load";
    case "dropped":
      return event.hints.length > 0 && event.more >= 0 ? null : "nothing";
  }
}

function textOf(lives: Lives): string {
  const texts = [...lives].map(([id, { status, drained, unhealthy }]) => `${id} ${status} ${drained} ${unhealthy}`);
  return texts.toSorted().join(", ");
}
