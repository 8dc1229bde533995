// Replicas as they come and go: by heartbeats, an administrator's orders, silence, and restarts of the object. Owns what outlives memory: rows and sockets.
import { BOUNDS } from "../src/limits.ts";
import { heartbeatTiming, type HeartbeatTiming } from "../src/routing/ledger/liveness.ts";
import { sweepOrphaning } from "../src/routing/ledger/membership.ts";
import type { Replica } from "../src/routing/ledger/replica.ts";
import type { Heartbeat } from "../src/routing/ledger/report.ts";
import { unanswered } from "../src/routing/ledger/slots.ts";
import { adviceFor } from "../src/routing/prewarm.ts";
import { drain, expire, hear, remove } from "../src/routing/registry.ts";
import type { Scheduler } from "../src/routing/scheduler.ts";
import type { Settings } from "../src/settings/settings.ts";
import type { EarliestTimer } from "./earliest-timer.ts";
import type { HeartbeatAnswer } from "./fleet-answers.ts";
import { HeartbeatSockets } from "./heartbeat-sockets.ts";
import { PerSecond } from "./per-second.ts";
import { StoredFleet } from "./stored-fleet.ts";

/** What the object does beside. */
export interface Followers {
  /** The time has come to this, and something may be counted. */
  readonly noted: (now: number) => void;
  /** Waiting requests may get what has changed. */
  readonly dispatch: (now: number) => void;
  /** The replica of a request that waits for its answer is gone. */
  readonly lost: (id: number) => void;
  /** Replicas have left. */
  readonly left: (now: number) => void;
}

export class FleetMembers {
  readonly stored: StoredFleet;
  readonly sockets: HeartbeatSockets;
  readonly #ctx: DurableObjectState;
  readonly #settings: Settings;
  readonly #scheduler: Scheduler;
  readonly #timer: EarliestTimer;
  readonly #followers: Followers;
  readonly #beats: PerSecond;

  constructor(
    ctx: DurableObjectState,
    env: Cloudflare.Env,
    settings: Settings,
    scheduler: Scheduler,
    timer: EarliestTimer,
    followers: Followers,
  ) {
    this.#ctx = ctx;
    this.#settings = settings;
    this.#scheduler = scheduler;
    this.#timer = timer;
    this.#followers = followers;
    this.stored = new StoredFleet(ctx, env, settings, scheduler.fleet);
    this.#beats = new PerSecond(BOUNDS.heartbeatRateBurst * settings.HEARTBEAT_RATE_MAX);
    this.sockets = new HeartbeatSockets(ctx, settings, {
      apply: (beat) => this.#apply(beat, 0),
      listed: (app) => this.stored.listed(app),
    });
  }

  /** One replica's report by POST, and how long ago it reached the router. The answer says when to send the next report. */
  async heartbeat(beat: Heartbeat, elapsedMs: number): Promise<HeartbeatAnswer> {
    const answer = this.#apply(beat, elapsedMs);
    if (answer.kind !== "accepted") return answer;
    this.sockets.letGo(beat.replica);
    this.#timer.wakeAt(this.#scheduler.fleet.nextExpiryMs);
    await this.stored.listed(beat.app);
    return answer;
  }

  /** An administrator's drain or undrain. False: the replica is not known. */
  drain(id: string, drained: boolean): boolean {
    const replica = this.#scheduler.fleet.replicas.get(id);
    if (replica === undefined) return false;
    const now = this.clock();
    if (drain(this.#scheduler, replica, drained, now + this.timing().timeToLiveMs, now)) this.stored.put(replica);
    this.#followers.dispatch(now);
    return true;
  }

  /** An administrator's DELETE. False: the replica was not known. */
  remove(id: string): boolean {
    const now = this.clock();
    const replica = this.#scheduler.fleet.replicas.get(id);
    if (replica === undefined) return false;
    const untilMs = now + this.timing().timeToLiveMs;
    remove(this.#scheduler, replica, untilMs, now);
    this.stored.forbid({ id, incarnation: replica.incarnation, untilMs });
    this.#forget([id]);
    this.#followers.dispatch(now);
    return true;
  }

  /** The object starts: puts back what storage and open sockets know. */
  restore(now: number): void {
    const { fleet, events } = this.#scheduler;
    const timeToLiveMs = (replicas: number) => this.timing(replicas).timeToLiveMs;
    this.stored.restore(timeToLiveMs, (replica) => this.sockets.untilMs(replica), now);
    const restored = fleet.replicas.size;
    const hibernated = restored > 0 && this.sockets.revive(fleet.replicas);
    events.record({ kind: "object_started", restored, hibernated }, now);
    if (restored === 0) return;
    if (hibernated) this.stored.resume();
    this.#expire(timeToLiveMs(restored), now);
    if (hibernated) return;
    this.#scheduler.recoveringUntilMs = now + BOUNDS.recoveryMs;
    this.#timer.wakeAt(now + timeToLiveMs(restored));
  }

  /** The time, at which something may be counted. */
  clock(): number {
    const now = Date.now();
    this.#followers.noted(now);
    return now;
  }

  /** The time, once those have left whose time to live is over. No timer runs while sockets hold every replica. */
  now(): number {
    const now = this.clock();
    if (this.#scheduler.fleet.nextExpiryMs <= now) this.expire(now);
    return now;
  }

  /** Replicas that were silent for too long leave. */
  expire(now: number): void {
    this.#expire(this.timing().timeToLiveMs, now);
  }

  /** An answer has changed what the replica holds. */
  storeSoon(replica: Replica, now: number): void {
    const atMs = this.stored.putSoon(replica, now);
    if (atMs !== null) this.#timer.wakeAt(atMs);
  }

  timing(replicas = this.#scheduler.fleet.replicas.size): HeartbeatTiming {
    const { HEARTBEAT_INTERVAL_MS: intervalMs, HEARTBEAT_RATE_MAX: rateMax, ALLOW_PRIVATE_ORIGINS } = this.#settings;
    return heartbeatTiming({ intervalMs, rateMax, short: ALLOW_PRIVATE_ORIGINS === true }, replicas);
  }

  /** Applies a report without waiting for anything. */
  #apply(beat: Heartbeat, elapsedMs: number): HeartbeatAnswer {
    const now = this.now();
    const { fleet, metrics } = this.#scheduler;
    if (this.#beats.exceeded(now)) {
      metrics.heartbeats.rate_limited++;
      return { kind: "rate_limited", limit: this.#beats.limit };
    }
    const first = fleet.replicas.size === 0;
    const { timeToLiveMs } = this.timing();
    const outcome = hear(this.#scheduler, beat, timeToLiveMs, now, now - elapsedMs);
    if (outcome.kind !== "accepted" && outcome.kind !== "stopped") return outcome;
    const replica = fleet.replicas.get(beat.replica);
    if (outcome.kind === "stopped" && outcome.known) this.#forget([beat.replica]);
    if (outcome.kind === "accepted" && replica !== undefined) {
      if (outcome.replaced !== null) this.#forget([outcome.replaced]);
      this.stored.reported(beat.app, replica, outcome.stored);
      if (first) void this.#ctx.storage.setAlarm(now + BOUNDS.alarmMs);
    }
    this.#followers.dispatch(now);
    const timing = this.timing();
    const advice = replica === undefined ? null : adviceFor(this.#scheduler, replica, timing.nextHeartbeatMs, now);
    return { kind: "accepted", replaced: outcome.kind === "accepted" ? outcome.replaced : null, advice, ...timing };
  }

  /** Requests that wait for answers of replicas that are gone are told. */
  #expire(timeToLiveMs: number, now: number): void {
    this.stored.touch();
    const expired = expire(this.#scheduler, timeToLiveMs, now);
    for (const replica of [...expired, ...sweepOrphaning(this.#scheduler.fleet, now)]) {
      for (const { id } of unanswered(replica)) this.#followers.lost(id);
    }
    this.#forget(expired.map(({ id }) => id));
  }

  /** Replicas that have left leave storage and their sockets too. */
  #forget(ids: readonly string[]): void {
    if (ids.length === 0) return;
    this.#followers.left(Date.now());
    this.stored.forget(ids, Date.now());
    for (const id of ids) this.sockets.letGo(id);
    this.#timer.wakeAt(this.#scheduler.fleet.nextExpiryMs);
  }
}
