// The Fleet object, one per app: it keeps the registry and the queue in memory, membership in SQLite, and lets src/routing decide. This shell owns
// timers and RPC; fleet-members.ts owns storage. Neither decides anything. Of HTTP they know only how a WebSocket opens.
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
import { answered, ended, failed, finish, succeeded } from "../src/routing/lifecycle.ts";
import { policyOf } from "../src/routing/policy/index.ts";
import { announce, forgetOverdue } from "../src/routing/prewarm.ts";
import type { WaitingOptions } from "../src/routing/refusals.ts";
import * as scheduling from "../src/routing/scheduler.ts";
import { grantOf, isLost } from "../src/routing/ledger/slots.ts";
import { settingsOf } from "../src/settings/settings.ts";
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
import { FleetMembers } from "./fleet-members.ts";
import { FleetMetrics } from "./fleet-metrics.ts";
import { FleetViews, type ViewQuery } from "./fleet-views.ts";
import { Ticket, type TicketHolder } from "./ticket.ts";
import { PendingRequests, type WatchEnd } from "./pending-requests.ts";

export class Fleet extends DurableObject {
  readonly #scheduler: scheduling.Scheduler;
  readonly #pending = new PendingRequests();
  readonly #options: WaitingOptions;
  /** Ids never repeat over restarts: an id of before a restart names nobody. */
  #nextId = Date.now() * 1024;
  readonly #timer = new EarliestTimer(() => this.#tick());
  readonly #members: FleetMembers;
  readonly #direct: DirectDispatch;
  readonly #metrics: FleetMetrics;
  readonly #views: FleetViews;
  readonly #autoscaling: Autoscaling;

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
    const read = settingsOf(env);
    if (!read.ok) throw new Error(`${read.setting} ${read.detail}`);
    const { settings } = read;
    const { SCHEDULING, AFFINITY_WAIT, COLD_START_MS, QUEUE_LENGTH_MAX } = settings;
    this.#options = { queueLengthMax: QUEUE_LENGTH_MAX, coldStartMs: COLD_START_MS };
    const name = () => ctx.id.name ?? this.#members.stored.app;
    const events = loggedEvents(name);
    this.#scheduler = scheduling.createScheduler(policyOf(SCHEDULING, AFFINITY_WAIT), COLD_START_MS, events);
    this.#direct = new DirectDispatch(this.#scheduler, this.#nextId);
    this.#members = new FleetMembers(ctx, env, settings, this.#scheduler, this.#timer, {
      noted: (now) => this.#views.note(now),
      dispatch: (now) => this.#dispatch(now),
      lost: (id) => this.#pending.end(id, "replica_gone"),
      left: (now) => this.#metrics.left(now),
    });
    this.#metrics = new FleetMetrics(ctx.storage, this.#scheduler);
    const { stored } = this.#members;
    const viewed = { scheduler: this.#scheduler, options: this.#options, aliases: settings.HINT_ALIASES };
    this.#views = new FleetViews({ ...viewed, app: () => stored.app, timing: () => this.#members.timing() }, Date.now());
    this.#autoscaling = new Autoscaling(name, settings, this.#scheduler, this.#timer);
    this.#members.restore(Date.now());
  }

  /** One replica's report by POST, and how long ago it reached the router. The answer says when to send the next report. */
  heartbeat(beat: Heartbeat, elapsedMs = 0): Promise<HeartbeatAnswer> {
    return this.#members.heartbeat(beat, elapsedMs);
  }

  /** Opens a WebSocket for heartbeats. The Worker has checked the handshake. */
  override fetch({ url }: Request): Response {
    return this.#members.sockets.open(url, this.#members.timing().timeToLiveMs, Date.now());
  }

  override webSocketMessage(socket: WebSocket, frame: string | ArrayBuffer): Promise<void> {
    return this.#members.sockets.receive(socket, frame, Date.now());
  }

  override webSocketClose(socket: WebSocket): void {
    this.#members.sockets.closed(socket);
    this.#timer.wakeAt(this.#scheduler.fleet.nextExpiryMs);
    this.#rest();
  }

  override webSocketError(socket: WebSocket): void {
    this.webSocketClose(socket);
  }

  /** Enqueues a request and returns at once. A Worker whose request is not granted yet waits with `granted`. */
  enqueue(request: EnqueueRequest): EnqueueAnswer {
    const now = this.#members.now();
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
    const now = this.#members.now();
    const choice = scheduling.choose(this.#scheduler, wanted, now);
    if (choice === null) this.#autoscaling.requested(now);
    return choice === null ? null : answerOfChoice(choice);
  }

  /** An isolate brings its copy of the fleet up to date, and reports the requests that it has sent by that. `known`: the copy's version; null: it has none. */
  refresh(known: Known | null, report: DirectReport | null): Refreshed {
    const now = this.#members.now();
    const { bytes, refreshMs, lost, changed } = this.#direct.refresh(known, report, now);
    for (const replica of changed) this.#members.storeSoon(replica, now);
    if (report !== null) {
      this.#dispatch(now);
      this.#timer.wakeAt(this.#direct.expire(now));
    }
    return { bytes, refreshMs, lost };
  }

  /** The whole fleet as the object believes it to be; null: it has no replicas. */
  view() {
    return this.#views.fleet(this.#members.now());
  }

  /** For an operator's graphs; null: the app has no replicas. `isKept`: counters outlive a restart from now on. */
  scrape(isKept = true): ReturnType<FleetMetrics["scrape"]> {
    return this.#metrics.scrape(isKept, this.#members.now());
  }

  /** One of an administrator's views, as the query names it. */
  look(query: ViewQuery) {
    return this.#views.look(query, this.#members.now());
  }

  /** All that a page of the dashboard shows. Stores nothing. */
  dashboard(query: DashboardQuery) {
    return this.#views.dashboard(query, this.#members.now());
  }

  /** How many replicas the app should have. */
  scale(options: ScaleOptions): Scale {
    return this.#autoscaling.scale(options, this.#members.now());
  }

  /** A client will ask for these hints soon. Gives how many replicas hold and load each. */
  prewarm(hints: readonly string[]): readonly ListedModel[] {
    const now = this.#members.now();
    announce(this.#scheduler, hints, now);
    // Until then the object does not hibernate: announcements are in memory alone.
    this.#timer.wakeAt(now + LIMITS.announcedMs);
    return this.#views.held(hints, now);
  }

  /** What replicas hold and load, for a client that lists models. */
  models() {
    return this.#views.models(this.#members.now());
  }

  /** An administrator's drain or undrain. False: the replica is not known. */
  drain(id: string, drained: boolean): boolean {
    return this.#members.drain(id, drained);
  }

  /** An administrator's DELETE. False: the replica was not known. */
  remove(id: string): boolean {
    return this.#members.remove(id);
  }

  /** The backstop if the timer is lost: replicas that stopped beating are swept, and the Directory is told when the last one has left. */
  override async alarm(): Promise<void> {
    this.#tick();
    this.#members.sockets.closeSilent(Date.now());
    const over = this.#scheduler.fleet.replicas.size === 0 && (await this.#members.stored.leave());
    if (!over) await this.ctx.storage.setAlarm(Date.now() + BOUNDS.alarmMs);
  }

  /** A ticket tells of its request. What is learned may free a slot, or be news of what the replica holds: `learn` gives such a replica. */
  #told(learn: (now: number) => Replica | null): void {
    const now = this.#members.clock();
    const changed = learn(now);
    if (changed !== null) this.#members.storeSoon(changed, now);
    this.#dispatch(now);
  }

  /** The request is over: nobody waits for anything of it any more. */
  #over(id: number, learn: (now: number) => void): void {
    const now = this.#members.clock();
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
    const now = this.#members.clock();
    this.#members.stored.flush();
    this.#members.expire(now);
    this.#dispatch(now);
    this.#timer.wakeAt(Math.min(scheduling.nextEventMs(this.#scheduler), this.#direct.expire(now)));
    this.#rest();
  }

  /** Without a timer the object may hibernate. */
  #rest(): void {
    this.#metrics.keep(Date.now());
    forgetOverdue(this.#scheduler, Date.now());
    if (this.#autoscaling.isWatched(Date.now())) return;
    if (this.#members.stored.isComplete && this.#direct.isIdle && this.#members.sockets.suffice(this.#scheduler))
      this.#timer.cancel();
  }
}
