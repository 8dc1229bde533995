// This isolate's copies of fleets. A copy says where requests may be sent without asking the object (direct.ts), and where they go while the object is out
// of reach (by-snapshot.ts). Plain data, never a promise: a promise that requests share ends with the request that made it.
import type { Fleet } from "../../durable-objects/fleet.ts";
import { BadBytes } from "../routing/direct/bytes.ts";
import { FleetCopy, type DirectReplica } from "../routing/direct/copy.ts";
import { DIRECT_RULE } from "../routing/direct/decide.ts";
import { Reporter, type DirectReport, type DirectSend } from "../routing/direct/report.ts";
import { processKey } from "../routing/ledger/replica.ts";
import { BOUNDS } from "../limits.ts";
import type { Settings } from "../settings/settings.ts";
import type { Exchange } from "./exchange.ts";
import { objectOf } from "./fleet-stub.ts";
import { LiveSends } from "./live-sends.ts";
import { LocalHealth } from "./local-health.ts";
import { LruMap } from "./lru.ts";

/** What this isolate has of one fleet. */
export interface Snapshot {
  readonly copy: FleetCopy;
  readonly reporter: Reporter;
  readonly sends: LiveSends;
  readonly health: WeakMap<DirectReplica, LocalHealth>;
  /** How old the copy may be before one request has it refreshed, as the object says, spread a little. */
  refreshMs: number;
  /** Requests that the last report said are running; Infinity: that report may be lost. */
  reported: number;
  /** Processes that are gone, and at which requests of this isolate ran when the object was asked, at `atMs`; by `processKey`. */
  lost: { readonly atMs: number; readonly processes: ReadonlySet<string> };
  /** Until when requests may be sent by the copy without asking the object. */
  directUntilMs: number;
  /** Whether the fleet has replicas of so many slots that the object need not be asked for each request. */
  isWide: boolean;
}

const SHARE = Math.floor(BOUNDS.snapshotReplicas / BOUNDS.snapshotApps);
/** Snapshots with replicas alone, so that names without replicas push none of them out. Each costs at least one share, which bounds their number too. */
const held = new LruMap<Snapshot>(BOUNDS.snapshotReplicas, ({ copy }) => Math.max(SHARE, copy.replicas.length));
/** By app: when its snapshot was last asked for, which is the lock that lets one request alone refresh it; and how many requests came since. */
const asked = new LruMap<{ readonly atMs: number; requests: number }>(BOUNDS.knownApps);

/** Null: the last copy is older than `maxAgeMs`, so that an origin in it may be somebody else's now; or there is none. */
export function snapshotOf(app: string, maxAgeMs: number, now: number): Snapshot | null {
  const snapshot = held.get(app);
  return snapshot === undefined || now - snapshot.copy.atMs > maxAgeMs ? null : snapshot;
}

/** Whether this isolate has ever seen replicas of the app, as far as it remembers. */
export function hasSnapshot(app: string): boolean {
  return held.get(app) !== undefined;
}

/** What this isolate knows of the replica by its own requests. */
export function healthOf({ health }: Snapshot, replica: DirectReplica): LocalHealth {
  let its = health.get(replica);
  if (its === undefined) health.set(replica, (its = new LocalHealth()));
  return its;
}

/** Whether the process that the request was sent to is gone, as the object said when the copy was last refreshed. */
export function isLost({ lost }: Snapshot, { replica: { id, incarnation } }: DirectSend): boolean {
  return lost.processes.has(processKey(id, incarnation));
}

/**
 * Has the snapshot refreshed if it is too old and no other request does that. The object hears then what this isolate has sent by itself. A copy that is
 * kept only for the case that the object is out of reach may be older.
 */
export function keepSnapshot(exchange: Exchange): void {
  const { settings, client, arrivedAtMs: now } = exchange;
  const { app } = client;
  const last = asked.get(app);
  const requests = last === undefined ? 1 : ++last.requests;
  const snapshot = held.get(app);
  const isForDirect = isWanted(settings.DISPATCH, snapshot, requests);
  const ageMs = snapshot !== undefined && isForDirect ? snapshot.refreshMs : BOUNDS.snapshotAgeMs;
  if (last !== undefined && now - last.atMs < ageMs) return;
  startRefresh(exchange, snapshot, isForDirect, now);
}

/**
 * A request that this isolate has sent by itself still runs, or is over. The object hears that although no other request comes: else it would forget what runs,
 * if the isolate said nothing for long, or would count what is over. Of the last one that is over it hears at once.
 */
export function reportRunning(exchange: Exchange, snapshot: Snapshot, now: number): void {
  snapshot.sends.sweep(now);
  const running = snapshot.sends.size;
  const ageMs = now - (asked.get(exchange.client.app)?.atMs ?? -Infinity);
  const isForgetting = running > 0 && ageMs >= BOUNDS.snapshotAgeMs;
  const isLast = running === 0 && snapshot.reported !== Infinity;
  const isBehind = snapshot.reported > running && (isLast || ageMs >= snapshot.refreshMs);
  if (isForgetting || isBehind) startRefresh(exchange, snapshot, now <= snapshot.directUntilMs, now);
}

/** With `auto` an isolate keeps a fresh copy only if replicas take many requests at once and so many come that one call in place of theirs is worth it. */
function isWanted(dispatch: Settings["DISPATCH"], snapshot: Snapshot | undefined, requests: number): boolean {
  return dispatch === "edge" || (dispatch === "auto" && snapshot?.isWide === true && requests >= BOUNDS.directRequests);
}

/** Starts a refresh that the request does not wait for. Other requests see that one has been asked for. */
function startRefresh(exchange: Exchange, before: Snapshot | undefined, isForDirect: boolean, now: number): void {
  asked.set(exchange.client.app, { atMs: now, requests: 0 });
  exchange.ctx.waitUntil(refresh(exchange, before, isForDirect, now));
}

/** Never fails. */
async function refresh(exchange: Exchange, before: Snapshot | undefined, isForDirect: boolean, now: number): Promise<void> {
  const { app } = exchange.client;
  try {
    const report = before === undefined ? null : reportOf(before, now);
    const fleet: DurableObjectStub<Fleet> = objectOf(exchange);
    const { bytes, refreshMs, lost } = await fleet.refresh(before?.copy.known ?? null, report);
    const snapshot = before ?? created();
    if (now >= snapshot.lost.atMs) snapshot.lost = { atMs: now, processes: new Set(lost) };
    if (!take(snapshot.copy, bytes, now)) {
      asked.delete(app);
      return;
    }
    snapshot.isWide = snapshot.copy.replicas.some(({ concurrency }) => concurrency >= DIRECT_RULE.concurrencyLeast);
    snapshot.refreshMs = refreshMs * (0.75 + 0.5 * Math.random());
    snapshot.directUntilMs = isForDirect ? now + BOUNDS.directRefreshes * snapshot.refreshMs : 0;
    if (snapshot.copy.replicas.length === 0) held.delete(app);
    else held.set(app, snapshot);
  } catch (error) {
    if (before !== undefined) before.reported = Infinity;
    console.warn(JSON.stringify({ message: "no new snapshot", app, error: String(error) }));
  }
}

/** Null: there is nothing to tell. */
function reportOf(snapshot: Snapshot, now: number): DirectReport | null {
  snapshot.sends.sweep(now);
  const isUntold = snapshot.reported === Infinity || snapshot.reporter.hasNews;
  snapshot.reported = snapshot.sends.size;
  return isUntold ? snapshot.reporter.take(now) : null;
}

function created(): Snapshot {
  const copy = new FleetCopy();
  const reporter = new Reporter(crypto.randomUUID(), copy);
  return {
    copy,
    reporter,
    sends: new LiveSends(),
    health: new WeakMap(),
    refreshMs: BOUNDS.snapshotAgeMs,
    isWide: false,
    lost: { atMs: -Infinity, processes: new Set() },
    directUntilMs: 0,
    reported: 0,
  };
}

/** False: the bytes do not follow on what the copy has now, because another refresh was quicker, or the copy is of another life of the object. */
function take(copy: FleetCopy, bytes: Uint8Array, now: number): boolean {
  try {
    if (now >= copy.atMs) copy.apply(bytes, now);
    return true;
  } catch (error) {
    if (!(error instanceof BadBytes)) throw error;
    return false;
  }
}
