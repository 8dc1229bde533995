// Small fleets for the tests of src/routing: heartbeats with defaults, slots taken on a named replica, and a plain picture of the
// whole state to compare before and after. Decides nothing.
import { beginProbe } from "../../../src/routing/health/ejection.ts";
import { Fleet } from "../../../src/routing/ledger/fleet.ts";
import { applyHeartbeat, type HeartbeatOutcome } from "../../../src/routing/ledger/membership.ts";
import { leave, type Arrival, type Wanted } from "../../../src/routing/ledger/queue.ts";
import { loadOf, type Grant, type Replica } from "../../../src/routing/ledger/replica.ts";
import type { Heartbeat } from "../../../src/routing/ledger/report.ts";
import { endWithheld } from "../../../src/routing/ledger/residency.ts";
import { takeSlot, type Taking } from "../../../src/routing/ledger/slots.ts";
import { failed } from "../../../src/routing/lifecycle.ts";
import { LIMITS } from "../../../src/routing/limits.ts";
import { countArrival } from "../../../src/routing/model/model.ts";
import { placeIgnoringLoad } from "../../../src/routing/policy/candidates.ts";
import { costPolicy } from "../../../src/routing/policy/cost.ts";
import type { WaitingOptions } from "../../../src/routing/refusals.ts";
import {
  choiceOf,
  consider,
  createScheduler,
  type Choice,
  type EnqueueResult,
  type Scheduler,
} from "../../../src/routing/scheduler.ts";
import { TUNING } from "../../../src/routing/tuning.ts";

/** One time to live. Tests count their time from 0 in milliseconds. */
export const TTL_MS = 15_000;
/** What a load is taken to last until some have been seen. */
export const COLD_MS = 12_000;
export const OPTIONS: WaitingOptions = { queueLengthMax: 1000, coldStartMs: COLD_MS };

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
  const fleet = new Fleet();
  for (const [id, said] of Object.entries(replicas)) hears(fleet, id, said);
  return fleet;
}

const schedulers = new WeakMap<Fleet, Scheduler>();

/** The scheduler of a fleet, with the default policy, which waits for nothing here. */
export function schedulerOf(fleet: Fleet): Scheduler {
  const known = schedulers.get(fleet);
  if (known !== undefined) return known;
  const scheduler = { ...createScheduler(costPolicy("never"), COLD_MS), fleet };
  schedulers.set(fleet, scheduler);
  return scheduler;
}

/** Where a request would be sent that came now and waited for nothing; null: it would wait. */
export function decide(fleet: Fleet, { hints, avoid }: Wanted, now: number): Choice | null {
  const scheduler = schedulerOf(fleet);
  const verdict = consider(scheduler, OPTIONS, -1, arrival(hints, now, { avoid }), null, now);
  leave(scheduler.queue, -1);
  return verdict.kind === "send" ? choiceOf(fleet, verdict.send, now) : null;
}

/** The same of one that takes no slot. */
export function decideIgnoringLoad(fleet: Fleet, wanted: Wanted, now: number): Choice | null {
  const place = placeIgnoringLoad(fleet, wanted, now);
  return place && choiceOf(fleet, place, now);
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

/** Takes a slot as the scheduler does, whatever a decision would have been. */
export function take(fleet: Fleet, id: number, taking: Taking, now: number): Grant {
  const grant = takeSlot(fleet, id, taking, now);
  beginProbe(grant, now);
  return grant;
}

/** Takes slots on one replica, whatever a decision would have been; those that it refused for a moment are free again after it. */
export function occupy(fleet: Fleet, id: string, slots: number, now = 0): Grant[] {
  const taken: Grant[] = [];
  endWithheld(fleet, now);
  for (let slot = 0; slot < slots; slot++) {
    taken.push(take(fleet, nextId(fleet), { replica: known(fleet, id), hint: null, warm: true }, now));
  }
  return taken;
}

/** A cold grant: the replica starts to load the hint. */
export function load(fleet: Fleet, id: string, hint: string, now = 0): Grant {
  const choice = { replica: known(fleet, id), hint, warm: false, loadMostMs: LIMITS.loadTimesBelieved * COLD_MS };
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
export function asked({ model }: Scheduler, demand: Readonly<Record<string, number>>): void {
  for (let round = 0; round < Math.max(...Object.values(demand)); round++) {
    for (const [hint, count] of Object.entries(demand)) if (round < count) countArrival(model, hint);
  }
}

/** As if the last requests had all found that share of the replicas full. */
export function foundFull({ model }: Scheduler, share: number): void {
  Object.assign(model.utilisation.foundFull, { sum: share * TUNING.recentMemory, weight: TUNING.recentMemory });
}

/** What became of a request, in a few words: `replica reason`, `waiting` or the kind of refusal. */
export function brief(result: EnqueueResult | undefined): string {
  if (result === undefined) return "nothing";
  if (result.kind === "waiting") return "waiting";
  if (result.kind === "refused") return result.refusal.kind;
  return `${result.grant.replica.id} ${result.reason}`;
}

/** Slots taken, by replica. */
export function loads(fleet: Fleet): Record<string, number> {
  return Object.fromEntries([...fleet.replicas.values()].map((replica) => [replica.id, loadOf(replica)]));
}

/** A copy of the replica's fields. */
export function fieldsOf(replica: Replica): Record<string, unknown> {
  return Object.fromEntries(Object.entries(replica));
}

/** Everything the fleet holds as plain data, in the order it is held: equal pictures mean that nothing changed. */
export function picture(fleet: Fleet): unknown {
  const name = (replica: Replica) => `${replica.id}@${replica.incarnation}`;
  const record = (replica: Replica) => ({
    ...fieldsOf(replica),
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
    tombstones: [...fleet.tombstones].map(([id, gone]) => [id, { ...gone, record: gone.record && record(gone.record) }]),
    grants: [...fleet.grants].map(([id, grant]) => [id, { ...grant, replica: name(grant.replica) }]),
    holders: [...fleet.holders.hints()].map((hint) => [hint, [...fleet.holders.of(hint)].map(name)]),
    freeHolders: [...fleet.holders.hints()].map((hint) => [hint, [...fleet.holders.freeOf(hint)].map(name)]),
    free: [...fleet.free].map(name),
    busy: [...fleet.busy].map(name),
    unhealthy: [...fleet.unhealthy].map(name),
    withholding: [...fleet.withholding].map(name),
    byOrigin: [...fleet.byOrigin].map(([origin, replica]) => [origin, name(replica)]),
    reclaimed: [...fleet.reclaimed.keys()],
    orphaning: [...fleet.orphaning].map(([replica, lostAtMs]) => [name(replica), lostAtMs]),
    totals: [fleet.advertisedHints, fleet.advertisedText, fleet.slots, fleet.nextExpiryMs],
  };
}

/** As `picture`, with the queue, the counters and what was learned. */
export function fullPicture({
  fleet,
  queue,
  model,
  counters,
  retries,
  slotlessRetries,
  recoveringUntilMs,
  lookAgainMs,
}: Scheduler): unknown {
  return {
    fleet: picture(fleet),
    ...structuredClone({ queue, model, counters, retries, slotlessRetries, recoveringUntilMs, lookAgainMs }),
  };
}
