// What a fleet is: replicas, the slots taken on them, and the indexes that make a decision cheap. Plain data; the functions here
// create it, answer questions about one replica, and keep the indexes true. Transitions are in membership.ts and slots.ts.
//
// A fleet is changed in place: at 10,000 replicas a copy for each heartbeat would cost more than everything else together.
import type { ReplicaStatus } from "./heartbeat.ts";
import { LIMITS } from "./limits.ts";
import { hashName, type NameHash, type Weighted } from "./rendezvous.ts";

/** The right to send one request to one replica, holding one of its slots until released. */
export interface Grant {
  readonly id: number;
  readonly replica: Replica;
  readonly hint: string | null;
  readonly grantedAtMs: number;
  /** When the response headers came; null before. */
  answeredAtMs: number | null;
}

/** A load in progress: the replica counts as warm for the hint, whatever it reports, until the grant answers or ends. */
interface Loading {
  readonly grantId: number;
  readonly untilMs: number;
}

export interface Replica extends Weighted {
  readonly id: string;
  readonly incarnation: number;
  readonly hash: NameHash;
  weight: number;
  origin: string;
  status: ReplicaStatus;
  /** Drained by an administrator, on top of its own status. */
  drained: boolean;
  concurrency: number;
  hintSlots: number | null;
  /** What it says it holds warm; null: it does not specialise. */
  advertised: ReadonlySet<string> | null;
  /** Its heartbeats say what it holds. Those of a replica that says so only in band leave `advertised` as it is. */
  reportsHints: boolean;
  readonly loading: Map<string, Loading>;
  sequence: number | null;
  expiresAtMs: number;
  /** By id, oldest first. */
  readonly grants: Map<number, Grant>;
  /** Requests of before a restart that the replica reports and no ticket has claimed. They take slots. */
  unclaimed: number;
  /** Restored from storage, and its count of requests not heard since. */
  restored: boolean;
  /** The last heartbeat reported this many fewer requests than slots held, at this time. */
  surplus: { readonly count: number; readonly atMs: number } | null;
  ejectedUntilMs: number;
  /** Requests granted so far in this incarnation. */
  served: number;
}

/** What is remembered of a replica that stopped, was deleted or expired. */
export interface Departed {
  readonly incarnation: number;
  readonly sequence: number | null;
  /** Until then its late heartbeats are refused and its return is hoped for. */
  readonly untilMs: number;
  /** Deleted: this incarnation may not return before `untilMs`. */
  readonly forbidden: boolean;
  /** Its record, so that requests it still runs count again if it returns; null after a restart of the object. */
  readonly record: Replica | null;
}

export interface Fleet {
  readonly replicas: Map<string, Replica>;
  readonly departed: Map<string, Departed>;
  readonly grants: Map<number, Grant>;
  /** Hint to the replicas that advertise or load it. A superset: loads that went on too long are purged later. */
  readonly holders: Map<string, Set<Replica>>;
  /** Ready replicas with a free slot. */
  readonly free: Set<Replica>;
  readonly ejected: Set<Replica>;
  /** Totals over `advertised`, held under the limits of one fleet. */
  advertisedHints: number;
  advertisedText: number;
  /** Grows with every change of who may be chosen and where it is reached. */
  version: number;
}

export function createFleet(): Fleet {
  return {
    replicas: new Map(),
    departed: new Map(),
    grants: new Map(),
    holders: new Map(),
    free: new Set(),
    ejected: new Set(),
    advertisedHints: 0,
    advertisedText: 0,
    version: 0,
  };
}

/** A record that no fleet knows yet. */
export function createReplica(id: string, incarnation: number): Replica {
  return {
    id,
    incarnation,
    hash: hashName(id),
    weight: 1,
    origin: "",
    status: "starting",
    drained: false,
    concurrency: 1,
    hintSlots: null,
    advertised: null,
    reportsHints: false,
    loading: new Map(),
    sequence: null,
    expiresAtMs: 0,
    grants: new Map(),
    unclaimed: 0,
    restored: false,
    surplus: null,
    ejectedUntilMs: 0,
    served: 0,
  };
}

/** Whether the replica may be given requests, free or not. */
export function isReady(replica: Replica): boolean {
  return replica.status === "ready" && !replica.drained;
}

/** Slots taken. */
export function loadOf(replica: Replica): number {
  return replica.grants.size + replica.unclaimed;
}

export function isEjected(replica: Replica, now: number): boolean {
  return replica.ejectedUntilMs > now;
}

/** Whether the replica advertises the hint or is loading it. */
export function isWarm(replica: Replica, hint: string, now: number): boolean {
  if (replica.advertised?.has(hint) === true) return true;
  const loading = replica.loading.get(hint);
  return loading !== undefined && loading.untilMs > now;
}

/** How welcome a hint is that the replica does not hold: a free hint slot first, then unknown, then one that must evict. */
export type HintRoom = "free" | "unknown" | "full";

export function hintRoom(replica: Replica): HintRoom {
  const held = heldHints(replica);
  if (replica.hintSlots !== null) return held < replica.hintSlots ? "free" : "full";
  return replica.advertised !== null && held === 0 ? "free" : "unknown";
}

/** Hints advertised or loading, each counted once. O(loads in progress). */
export function heldHints(replica: Replica): number {
  let held = replica.advertised?.size ?? 0;
  for (const hint of replica.loading.keys()) if (replica.advertised?.has(hint) !== true) held++;
  return held;
}

/** Puts the replica in or out of `free`, as its status and load say. Called after every change of either. */
export function reindexSlots(fleet: Fleet, replica: Replica): void {
  const known = fleet.replicas.get(replica.id) === replica;
  if (known && isReady(replica) && loadOf(replica) < replica.concurrency) fleet.free.add(replica);
  else fleet.free.delete(replica);
}

/** Whether the list fits the fleet's limits in place of the replica's present one. Changes nothing. */
export function admitsHints(fleet: Fleet, replica: Replica | null, hints: readonly string[] | null): boolean {
  const present = replica?.advertised ?? null;
  const count = fleet.advertisedHints - (present?.size ?? 0) + (hints?.length ?? 0);
  const text = fleet.advertisedText - textOf(present) + textOf(hints);
  return count <= LIMITS.hintsPerApp && text <= LIMITS.hintTextPerApp;
}

/** Replaces what the replica advertises and keeps the index of holders. Says whether the set changed. O(hints). */
export function advertise(fleet: Fleet, replica: Replica, hints: readonly string[] | null): boolean {
  const before = replica.advertised;
  if (sameSet(before, hints)) return false;
  const after = hints === null ? null : new Set(hints);
  replica.advertised = after;
  fleet.advertisedHints += (after?.size ?? 0) - (before?.size ?? 0);
  fleet.advertisedText += textOf(after) - textOf(before);
  for (const hint of before ?? []) unindexHint(fleet, replica, hint);
  for (const hint of after ?? []) indexHint(fleet, replica, hint);
  return true;
}

/** The replica starts to load the hint for a grant, and counts as warm for it at most until then. */
export function startLoading(fleet: Fleet, grant: Grant, hint: string, untilMs: number): void {
  grant.replica.loading.set(hint, { grantId: grant.id, untilMs });
  indexHint(fleet, grant.replica, hint);
}

/** The load that this grant started is over, whatever came of it. */
export function stopLoading(fleet: Fleet, grant: Grant): void {
  if (grant.hint === null || grant.replica.loading.get(grant.hint)?.grantId !== grant.id) return;
  grant.replica.loading.delete(grant.hint);
  unindexHint(fleet, grant.replica, grant.hint);
}

/** Drops loads that were believed for too long. O(loads). */
export function purgeLoading(fleet: Fleet, replica: Replica, now: number): void {
  for (const [hint, loading] of replica.loading) {
    if (loading.untilMs > now) continue;
    replica.loading.delete(hint);
    unindexHint(fleet, replica, hint);
  }
}

/** Takes a departing replica out of every index. Its record keeps its grants and loads, for the case that it returns. */
export function unindexReplica(fleet: Fleet, replica: Replica): void {
  advertise(fleet, replica, null);
  for (const hint of replica.loading.keys()) dropHolder(fleet, replica, hint);
  fleet.free.delete(replica);
  fleet.ejected.delete(replica);
}

/** Puts a replica that joins into the indexes with what its record still holds from before, if it was there before. */
export function indexReplica(fleet: Fleet, replica: Replica): void {
  for (const hint of replica.loading.keys()) indexHint(fleet, replica, hint);
  if (replica.ejectedUntilMs > 0) fleet.ejected.add(replica);
}

function indexHint(fleet: Fleet, replica: Replica, hint: string): void {
  const holders = fleet.holders.get(hint);
  if (holders === undefined) fleet.holders.set(hint, new Set([replica]));
  else holders.add(replica);
}

function unindexHint(fleet: Fleet, replica: Replica, hint: string): void {
  if (replica.advertised?.has(hint) !== true && !replica.loading.has(hint)) dropHolder(fleet, replica, hint);
}

function dropHolder(fleet: Fleet, replica: Replica, hint: string): void {
  const holders = fleet.holders.get(hint);
  holders?.delete(replica);
  if (holders?.size === 0) fleet.holders.delete(hint);
}

function sameSet(before: ReadonlySet<string> | null, after: readonly string[] | null): boolean {
  if (before === null || after === null) return before === after;
  return before.size === after.length && after.every((hint) => before.has(hint));
}

function textOf(hints: Iterable<string> | null): number {
  let length = 0;
  for (const hint of hints ?? []) length += hint.length;
  return length;
}
