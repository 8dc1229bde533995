// Small fleets for the tests of src/routing: heartbeats with defaults, slots taken on a named replica, and a plain picture of the
// whole state to compare before and after. Decides nothing.
import type { Wanted } from "../../../src/routing/policy/decide.ts";
import { countArrival } from "../../../src/routing/model/estimates.ts";
import { createFleet, loadOf, type Fleet, type Grant, type Replica } from "../../../src/routing/ledger/fleet.ts";
import type { Heartbeat } from "../../../src/routing/ledger/report.ts";
import { endWithheld } from "../../../src/routing/ledger/residency.ts";
import { applyHeartbeat, type HeartbeatOutcome } from "../../../src/routing/ledger/membership.ts";
import { failed, type Arrival, type Scheduler, type SchedulerOptions, type Standing } from "../../../src/routing/scheduler.ts";
import { takeSlot } from "../../../src/routing/ledger/slots.ts";
import { TUNING } from "../../../src/routing/policy/tuning.ts";

/** One time to live. Tests count their time from 0 in milliseconds. */
export const TTL_MS = 15_000;
/** What a load is taken to last until some have been seen. */
export const COLD_MS = 12_000;
export const OPTIONS: SchedulerOptions = { queueLengthMax: 1000, coldStartMs: COLD_MS, affinityWait: "auto" };
/** As fal documents: no slot stays idle while a request waits. */
export const NEVER: SchedulerOptions = { ...OPTIONS, affinityWait: "never" };

export type Said = Partial<Omit<Heartbeat, "replica" | "app">>;

/** A heartbeat of a replica that takes one request at once and does not specialise, unless told otherwise. */
export function beat(replica: string, said: Said = {}): Heartbeat {
  return {
    app: "any-model",
    replica,
    origin: `https://${replica}.example.com`,
    incarnation: 1,
    sequence: null,
    hints: null,
    hintSlots: null,
    concurrency: 1,
    inFlight: null,
    status: "ready",
    ...said,
  };
}

/** The replica reports. */
export function hears(fleet: Fleet, replica: string, said: Said = {}, now = 0): HeartbeatOutcome {
  return applyHeartbeat(fleet, beat(replica, said), TTL_MS, now);
}

/** A fleet of the replicas named, heard of at time 0. */
export function fleetWith(replicas: Readonly<Record<string, Said>>): Fleet {
  const fleet = createFleet();
  for (const [id, said] of Object.entries(replicas)) hears(fleet, id, said);
  return fleet;
}

/** The record of a live replica. */
export function known(fleet: Fleet, id: string): Replica {
  const replica = fleet.replicas.get(id);
  if (replica === undefined) throw new Error(`the fleet knows no replica ${id}`);
  return replica;
}

const lastIds = new WeakMap<Fleet, number>();

/** Ids of grants count from 1 in each fleet and never repeat, as in the Fleet object. */
function nextId(fleet: Fleet): number {
  const id = (lastIds.get(fleet) ?? 0) + 1;
  lastIds.set(fleet, id);
  return id;
}

/** Takes slots on one replica, whatever a decision would have been; those that it refused for a moment are free again after it. */
export function occupy(fleet: Fleet, id: string, slots: number, now = 0): Grant[] {
  const taken: Grant[] = [];
  endWithheld(fleet, now);
  for (let slot = 0; slot < slots; slot++) {
    const choice = { replica: known(fleet, id), hint: null, warm: true };
    taken.push(takeSlot(fleet, nextId(fleet), choice, now));
  }
  return taken;
}

/** A cold grant: the replica starts to load the hint. */
export function load(fleet: Fleet, id: string, hint: string, now = 0): Grant {
  const choice = { replica: known(fleet, id), hint, warm: false };
  return takeSlot(fleet, nextId(fleet), choice, now);
}

/** Its replica could not be reached. */
export function unreachable(scheduler: Scheduler, id: number, now: number): void {
  failed(scheduler, id, { kind: "unreachable" }, null, now);
}

export function wants(hints: readonly string[], avoid: readonly string[] = []): Wanted {
  return { hints, avoid };
}

/** A request that arrives at a time, with three minutes to wait unless told otherwise. */
export function arrival(hints: readonly string[], now = 0, rest: Partial<Arrival> = {}): Arrival {
  return {
    hints,
    avoid: [],
    arrivedAtMs: now,
    deadlineMs: now + 180_000,
    queueLengthMax: null,
    declaredMs: null,
    priority: "normal",
    ...rest,
  };
}

/** Requests for the hints, as often as told, mixed. */
export function asked(fleet: Fleet, demand: Readonly<Record<string, number>>): void {
  for (let round = 0; round < Math.max(...Object.values(demand)); round++) {
    for (const [hint, count] of Object.entries(demand)) if (round < count) countArrival(fleet.estimates, hint);
  }
}

/** As if the last requests had all found that share of the replicas full. */
export function foundFull({ estimates }: Fleet, share: number): void {
  Object.assign(estimates.pressure.foundFull, { sum: share * TUNING.fullMemory, weight: TUNING.fullMemory });
}

/** What became of a request, in a few words: `replica reason`, `waiting` or the kind of refusal. */
export function brief(standing: Standing | undefined): string {
  if (standing === undefined) return "unsettled";
  if (standing.kind === "waiting") return "waiting";
  if (standing.kind === "refused") return standing.refusal.kind;
  return `${standing.grant.replica.id} ${standing.reason}`;
}

/** Slots taken, by replica. */
export function loads(fleet: Fleet): Record<string, number> {
  return Object.fromEntries([...fleet.replicas.values()].map((replica) => [replica.id, loadOf(replica)]));
}

/** Everything the fleet holds as plain data, in the order it is held: equal pictures mean that nothing changed. */
export function picture(fleet: Fleet): unknown {
  const name = (replica: Replica) => `${replica.id}@${replica.incarnation}`;
  const record = (replica: Replica) => ({
    ...replica,
    advertised: replica.advertised && [...replica.advertised],
    loading: [...replica.loading],
    unreported: [...replica.unreported],
    usedAtMs: [...replica.usedAtMs],
    users: [...replica.users],
    grants: [...replica.grants.keys()],
    reclaimed: [...replica.reclaimed.keys()],
  });
  return {
    replicas: [...fleet.replicas].map(([id, replica]) => [id, record(replica)]),
    departed: [...fleet.departed].map(([id, gone]) => [id, { ...gone, record: gone.record && record(gone.record) }]),
    grants: [...fleet.grants].map(([id, grant]) => [id, { ...grant, replica: name(grant.replica) }]),
    holders: [...fleet.holders].map(([hint, holders]) => [hint, [...holders].map(name)]),
    freeHolders: [...fleet.freeHolders].map(([hint, holders]) => [hint, [...holders].map(name)]),
    free: [...fleet.free].map(name),
    busy: [...fleet.busy].map(name),
    suspects: [...fleet.suspects].map(name),
    withholding: [...fleet.withholding].map(name),
    byOrigin: [...fleet.byOrigin].map(([origin, replica]) => [origin, name(replica)]),
    reclaimed: [...fleet.reclaimed.keys()],
    orphaning: [...fleet.orphaning].map(([replica, lostAtMs]) => [name(replica), lostAtMs]),
    totals: [fleet.advertisedHints, fleet.advertisedText, fleet.slots, fleet.taken, fleet.nextExpiryMs, fleet.version],
    estimates: structuredClone(fleet.estimates),
  };
}

/** As `picture`, with the waiting room, the counters and what was learned. */
export function fullPicture(scheduler: Scheduler): unknown {
  const { fleet, ...rest } = scheduler;
  return { fleet: picture(fleet), ...structuredClone(rest) };
}
