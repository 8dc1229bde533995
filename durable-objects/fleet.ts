// The Fleet object, one per app: it keeps the registry and the queue in memory, membership in SQLite, and lets src/routing decide. This shell owns storage,
// time, timers and RPC. It makes no decision of its own. Of HTTP it knows only how a WebSocket opens.
//
// Everything that changes the fleet runs without an `await`, so no two requests ever see a half-done change.
import { DurableObject } from "cloudflare:workers";
import type { Wanted } from "../src/routing/ledger/queue.ts";
import type { Replica } from "../src/routing/ledger/replica.ts";
import type { Heartbeat } from "../src/routing/ledger/report.ts";
import { BOUNDS } from "../src/limits.ts";
import { LIMITS } from "../src/routing/limits.ts";
import type { Known } from "../src/routing/direct/codec.ts";
import type { DirectReport } from "../src/routing/direct/report.ts";
import { heartbeatTiming, type HeartbeatTiming } from "../src/routing/ledger/liveness.ts";
import { sweepOrphaning } from "../src/routing/ledger/membership.ts";
import { answered, ended, failed, finish, succeeded } from "../src/routing/lifecycle.ts";
import { policyOf } from "../src/routing/policy/index.ts";
import { adviceFor, announce, forgetOverdue } from "../src/routing/prewarm.ts";
import type { WaitingOptions } from "../src/routing/refusals.ts";
import { drain, expire, hear, remove } from "../src/routing/registry.ts";
import * as scheduling from "../src/routing/scheduler.ts";
import { grantOf, isLost, unanswered } from "../src/routing/ledger/slots.ts";
import { settingsOf, type Settings } from "../src/settings/settings.ts";
import type { DashboardQuery } from "../src/views/dashboard.ts";
import type { ListedModel } from "../src/views/models.ts";
import type { Scale, ScaleOptions } from "../src/views/scale.ts";
import { Autoscaling } from "./autoscaling.ts";
import { DirectDispatch, type Refreshed } from "./direct-dispatch.ts";
import { loggedEvents } from "./event-lines.ts";
import { EarliestTimer } from "./earliest-timer.ts";
import {
  answerOf,
  answerOfChoice,
  arrivalOf,
  adoptionOf,
  successesOf,
  type AdoptRequest,
  type EnqueueAnswer,
  type EnqueueRequest,
  type GrantAnswer,
  type HeartbeatAnswer,
  type SettledAnswer,
} from "./fleet-answers.ts";
import { FleetMetrics } from "./fleet-metrics.ts";
import { FleetViews, type ViewQuery } from "./fleet-views.ts";
import { HeartbeatSockets } from "./heartbeat-sockets.ts";
import { PerSecond } from "./per-second.ts";
import { StoredFleet } from "./stored-fleet.ts";
import { Ticket, type TicketHolder } from "./ticket.ts";
import { PendingRequests, type WatchEnd } from "./pending-requests.ts";

export class Fleet extends DurableObject {
  readonly #scheduler: scheduling.Scheduler;
  readonly #pending = new PendingRequests();
  readonly #stored: StoredFleet;
  readonly #settings: Settings;
  readonly #options: WaitingOptions;
  /** Ids never repeat over restarts: an id of before a restart names nobody. */
  #nextId = Date.now() * 1024;
  readonly #timer = new EarliestTimer(() => this.#tick());
  readonly #sockets: HeartbeatSockets;
  readonly #direct: DirectDispatch;
  readonly #metrics: FleetMetrics;
  readonly #views: FleetViews;
  readonly #autoscaling: Autoscaling;
  readonly #beats: PerSecond;

  /** What tickets report. These are no methods of the object, because anyone with its stub could call those. */
  readonly #holder: TicketHolder = {
    answered: (id, answer) => this.#told((now) => answered(this.#scheduler, id, answer, now)),
    failed: (id, failure, hints) => this.#told((now) => failed(this.#scheduler, id, failure, hints, now)),
    ended: (id, whole) => this.#told((now) => (ended(this.#scheduler, id, whole, now), null)),
    succeeded: (success) => this.#over(success.id, (now) => succeeded(this.#scheduler, success, now)),
    finished: (id) => this.#over(id, (now) => finish(this.#scheduler, id, now)),
  };

  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env);
    const settings = settingsOf(env);
    if (!settings.ok) throw new Error(`${settings.setting} ${settings.detail}`);
    this.#settings = settings.settings;
    const { SCHEDULING, AFFINITY_WAIT, COLD_START_MS, HEARTBEAT_RATE_MAX, QUEUE_LENGTH_MAX } = this.#settings;
    this.#options = { queueLengthMax: QUEUE_LENGTH_MAX, coldStartMs: COLD_START_MS };
    const name = () => ctx.id.name ?? this.#stored.app;
    const events = loggedEvents(name);
    this.#scheduler = scheduling.createScheduler(policyOf(SCHEDULING, AFFINITY_WAIT), COLD_START_MS, events);
    this.#direct = new DirectDispatch(this.#scheduler, this.#nextId);
    this.#stored = new StoredFleet(ctx, env, this.#settings, this.#scheduler.fleet);
    this.#metrics = new FleetMetrics(ctx.storage, this.#scheduler);
    const viewed = { scheduler: this.#scheduler, options: this.#options, aliases: this.#settings.HINT_ALIASES };
    this.#views = new FleetViews({ ...viewed, app: () => this.#stored.app, timing: () => this.#timing() }, Date.now());
    this.#autoscaling = new Autoscaling(name, this.#settings, this.#scheduler, this.#timer);
    this.#beats = new PerSecond(BOUNDS.heartbeatRateBurst * HEARTBEAT_RATE_MAX);
    this.#sockets = new HeartbeatSockets(ctx, this.#settings, {
      apply: (beat) => this.#apply(beat, 0),
      listed: (app) => this.#stored.listed(app),
    });
    this.#restore(Date.now());
  }

  /** One replica's report by POST, and how long ago it reached the router. The answer says when to send the next report. */
  async heartbeat(beat: Heartbeat, elapsedMs = 0): Promise<HeartbeatAnswer> {
    const answer = this.#apply(beat, elapsedMs);
    if (answer.kind !== "accepted") return answer;
    this.#sockets.letGo(beat.replica);
    this.#timer.wakeAt(this.#scheduler.fleet.nextExpiryMs);
    await this.#stored.listed(beat.app);
    return answer;
  }

  /** Applies a report without waiting for anything. */
  #apply(beat: Heartbeat, elapsedMs: number): HeartbeatAnswer {
    const now = this.#now();
    const { fleet, metrics } = this.#scheduler;
    if (this.#beats.exceeded(now)) {
      metrics.heartbeats.rate_limited++;
      return { kind: "rate_limited", limit: this.#beats.limit };
    }
    const first = fleet.replicas.size === 0;
    const { timeToLiveMs } = this.#timing();
    const outcome = hear(this.#scheduler, beat, timeToLiveMs, now, now - elapsedMs);
    if (outcome.kind !== "accepted" && outcome.kind !== "stopped") return outcome;
    const replica = fleet.replicas.get(beat.replica);
    if (outcome.kind === "stopped" && outcome.known) this.#forget([beat.replica]);
    if (outcome.kind === "accepted" && replica !== undefined) {
      if (outcome.replaced !== null) this.#forget([outcome.replaced]);
      this.#stored.reported(beat.app, replica, outcome.stored);
      if (first) void this.ctx.storage.setAlarm(now + BOUNDS.alarmMs);
    }
    this.#dispatch(now);
    const timing = this.#timing();
    const advice = replica === undefined ? null : adviceFor(this.#scheduler, replica, timing.nextHeartbeatMs, now);
    return { kind: "accepted", replaced: outcome.kind === "accepted" ? outcome.replaced : null, advice, ...timing };
  }

  /** Opens a WebSocket for heartbeats. The Worker has checked the handshake. */
  override fetch({ url }: Request): Response {
    return this.#sockets.open(url, this.#timing().timeToLiveMs, Date.now());
  }

  override webSocketMessage(socket: WebSocket, frame: string | ArrayBuffer): Promise<void> {
    return this.#sockets.receive(socket, frame, Date.now());
  }

  override webSocketClose(socket: WebSocket): void {
    this.#sockets.closed(socket);
    this.#timer.wakeAt(this.#scheduler.fleet.nextExpiryMs);
    this.#rest();
  }

  override webSocketError(socket: WebSocket): void {
    this.webSocketClose(socket);
  }

  /** Enqueues a request and returns at once. A Worker whose request is not granted yet waits with `granted`. */
  enqueue(request: EnqueueRequest): EnqueueAnswer {
    const now = this.#now();
    const id = this.#nextId++;
    for (const success of successesOf(request.successes)) succeeded(this.#scheduler, success, now);
    if (request.after !== null) {
      const { id: last, failure, hints } = request.after;
      this.#holder.failed(last, failure, hints);
      this.#holder.finished(last);
    }
    const result = scheduling.enqueue(this.#scheduler, this.#options, id, arrivalOf(request, now), now);
    this.#autoscaling.note(now);
    if (result.kind === "refused") return { result, ticket: null };
    const ticket = new Ticket(id, this.#holder);
    if (result.kind === "granted") {
      // A load makes its replica warm for others that wait, if it has more slots.
      this.#dispatch(now);
      this.#timer.wakeAt(this.#scheduler.fleet.nextExpiryMs);
      return { result: answerOf(this.#scheduler.fleet, result), ticket };
    }
    this.#pending.queued(id);
    this.#timer.wakeAt(scheduling.nextEventMs(this.#scheduler));
    return { result: { kind: "waiting", id }, ticket };
  }

  /** The end of a wait. Null: this object does not know the request, which must be enqueued again. */
  granted(id: number): Promise<SettledAnswer> | null {
    return this.#pending.granted(id);
  }

  /**
   * Pending while the request runs, while its replica beats or has begun to answer, and while this object lives. Rejects when the object restarts. A
   * ticket whose slot was taken back is still known: to adopt its request would take a second slot.
   */
  async running(id: number): Promise<WatchEnd> {
    const grant = grantOf(this.#scheduler.fleet, id);
    if (grant === undefined) return "unknown";
    return isLost(grant) ? "replica_gone" : this.#pending.watch(id);
  }

  /** A request that was granted before this object restarted still runs. Null: its replica is gone. */
  adopt(request: AdoptRequest): { readonly id: number; readonly ticket: Ticket } | null {
    const id = this.#nextId++;
    const grant = scheduling.adopt(this.#scheduler, id, adoptionOf(request, Date.now()));
    this.#timer.wakeAt(scheduling.nextEventMs(this.#scheduler));
    return grant === null ? null : { id, ticket: new Ticket(id, this.#holder) };
  }

  /** A replica for a request that takes no slot; null: no replica is ready, or no retry is left. */
  choose(wanted: Wanted): GrantAnswer | null {
    const now = this.#now();
    const choice = scheduling.choose(this.#scheduler, wanted, now);
    if (choice === null) this.#autoscaling.requested(now);
    return choice === null ? null : answerOfChoice(choice);
  }

  /** An isolate brings its copy of the fleet up to date, and reports the requests that it has sent by that. `known`: the copy's version; null: it has none. */
  refresh(known: Known | null, report: DirectReport | null): Refreshed {
    const now = this.#now();
    const { bytes, refreshMs, lost, changed } = this.#direct.refresh(known, report, now);
    for (const replica of changed) this.#storeSoon(replica, now);
    if (report !== null) {
      this.#dispatch(now);
      this.#timer.wakeAt(this.#direct.expire(now));
    }
    return { bytes, refreshMs, lost };
  }

  /** The whole fleet as the object believes it to be; null: it has no replicas. */
  view() {
    return this.#views.fleet(this.#now());
  }

  /** For an operator's graphs; null: the app has no replicas. `isKept`: counters outlive a restart from now on. */
  scrape(isKept = true): ReturnType<FleetMetrics["scrape"]> {
    return this.#metrics.scrape(isKept, this.#now());
  }

  /** One of an administrator's views, as the query names it. */
  look(query: ViewQuery) {
    return this.#views.look(query, this.#now());
  }

  /** All that a page of the dashboard shows. Stores nothing. */
  dashboard(query: DashboardQuery) {
    return this.#views.dashboard(query, this.#now());
  }

  /** How many replicas the app should have. */
  scale(options: ScaleOptions): Scale {
    return this.#autoscaling.scale(options, this.#now());
  }

  /** A client will ask for these hints soon. Gives how many replicas hold and load each. */
  prewarm(hints: readonly string[]): readonly ListedModel[] {
    const now = this.#now();
    announce(this.#scheduler, hints, now);
    // Until then the object does not hibernate: announcements are in memory alone.
    this.#timer.wakeAt(now + LIMITS.announcedMs);
    return this.#views.held(hints, now);
  }

  /** What replicas hold and load, for a client that lists models. */
  models() {
    return this.#views.models(this.#now());
  }

  /** An administrator's drain or undrain. False: the replica is not known. */
  drain(id: string, drained: boolean): boolean {
    const replica = this.#scheduler.fleet.replicas.get(id);
    if (replica === undefined) return false;
    const now = this.#clock();
    if (drain(this.#scheduler, replica, drained, now + this.#timing().timeToLiveMs, now)) this.#stored.put(replica);
    this.#dispatch(now);
    return true;
  }

  /** An administrator's DELETE. False: the replica was not known. */
  remove(id: string): boolean {
    const now = this.#clock();
    const replica = this.#scheduler.fleet.replicas.get(id);
    if (replica === undefined) return false;
    const untilMs = now + this.#timing().timeToLiveMs;
    remove(this.#scheduler, replica, untilMs, now);
    this.#stored.forbid({ id, incarnation: replica.incarnation, untilMs });
    this.#forget([id]);
    this.#dispatch(now);
    return true;
  }

  /** The backstop if the timer is lost: replicas that stopped beating are swept, and the Directory is told when the last one has left. */
  override async alarm(): Promise<void> {
    this.#tick();
    this.#sockets.closeSilent(Date.now());
    const over = this.#scheduler.fleet.replicas.size === 0 && (await this.#stored.leave());
    if (!over) await this.ctx.storage.setAlarm(Date.now() + BOUNDS.alarmMs);
  }

  #restore(now: number): void {
    const { fleet, events } = this.#scheduler;
    const timeToLiveMs = (replicas: number) => this.#timing(replicas).timeToLiveMs;
    this.#stored.restore(timeToLiveMs, (replica) => this.#sockets.untilMs(replica), now);
    const restored = fleet.replicas.size;
    const hibernated = restored > 0 && this.#sockets.revive(fleet.replicas);
    events.record({ kind: "object_started", restored, hibernated }, now);
    if (restored === 0) return;
    if (hibernated) this.#stored.resume();
    this.#expire(timeToLiveMs(restored), now);
    if (hibernated) return;
    this.#scheduler.recoveringUntilMs = now + BOUNDS.recoveryMs;
    this.#timer.wakeAt(now + timeToLiveMs(restored));
  }

  /** The time, at which something may be counted. */
  #clock(): number {
    const now = Date.now();
    this.#views.note(now);
    return now;
  }

  /** The time, once those have left whose time to live is over. No timer runs while sockets hold every replica. */
  #now(): number {
    const now = this.#clock();
    if (this.#scheduler.fleet.nextExpiryMs <= now) this.#expire(this.#timing().timeToLiveMs, now);
    return now;
  }

  /** A ticket tells of its request. What is learned may free a slot, or be news of what the replica holds: `learn` gives such a replica. */
  #told(learn: (now: number) => Replica | null): void {
    const now = this.#clock();
    const changed = learn(now);
    if (changed !== null) this.#storeSoon(changed, now);
    this.#dispatch(now);
  }

  /** The request is over: nobody waits for anything of it any more. */
  #over(id: number, learn: (now: number) => void): void {
    const now = this.#clock();
    learn(now);
    this.#pending.over(id);
    this.#dispatch(now);
    this.#rest();
  }

  /** Tells waiting requests what they got, and sets the timer to the next event. */
  #dispatch(now: number): void {
    const { queue, fleet } = this.#scheduler;
    for (const lostAtMs of fleet.orphaning.values()) this.#timer.wakeAt(lostAtMs);
    if (queue.waiting.size > 0)
      for (const [id, outcome] of scheduling.dispatch(this.#scheduler, this.#options, now))
        this.#pending.settle(id, outcome.kind === "granted" ? answerOf(fleet, outcome) : outcome);
    this.#autoscaling.note(now);
    if (queue.waiting.size > 0) this.#timer.wakeAt(scheduling.nextEventMs(this.#scheduler));
  }

  #tick(): void {
    const now = this.#clock();
    this.#stored.flush();
    this.#expire(this.#timing().timeToLiveMs, now);
    this.#dispatch(now);
    this.#timer.wakeAt(Math.min(scheduling.nextEventMs(this.#scheduler), this.#direct.expire(now)));
    this.#rest();
  }

  /** Without a timer the object may hibernate. */
  #rest(): void {
    this.#metrics.keep(Date.now());
    forgetOverdue(this.#scheduler, Date.now());
    if (this.#autoscaling.isWatched(Date.now())) return;
    if (this.#stored.isComplete && this.#direct.isIdle && this.#sockets.suffice(this.#scheduler)) this.#timer.cancel();
  }

  /** Replicas that were silent for too long leave. Requests that wait for their answers to begin are told. */
  #expire(timeToLiveMs: number, now: number): void {
    this.#stored.touch();
    const expired = expire(this.#scheduler, timeToLiveMs, now);
    for (const replica of [...expired, ...sweepOrphaning(this.#scheduler.fleet, now)]) {
      for (const { id } of unanswered(replica)) this.#pending.end(id, "replica_gone");
    }
    this.#forget(expired.map(({ id }) => id));
  }

  /** Replicas that have left leave storage and their sockets too. */
  #forget(ids: readonly string[]): void {
    if (ids.length === 0) return;
    this.#metrics.left(Date.now());
    this.#stored.forget(ids, Date.now());
    for (const id of ids) this.#sockets.letGo(id);
    this.#timer.wakeAt(this.#scheduler.fleet.nextExpiryMs);
  }

  /** An answer has changed what the replica holds. */
  #storeSoon(replica: Replica, now: number): void {
    const atMs = this.#stored.putSoon(replica, now);
    if (atMs !== null) this.#timer.wakeAt(atMs);
  }

  #timing(replicas = this.#scheduler.fleet.replicas.size): HeartbeatTiming {
    const { HEARTBEAT_INTERVAL_MS: intervalMs, HEARTBEAT_RATE_MAX: rateMax, ALLOW_PRIVATE_ORIGINS } = this.#settings;
    return heartbeatTiming({ intervalMs, rateMax, short: ALLOW_PRIVATE_ORIGINS === true }, replicas);
  }
}
