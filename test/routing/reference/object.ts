// The real code under test: the functions that durable-objects/fleet.ts calls, in its order, with a clock, a timer and a store that are
// plain values. It decides and checks nothing.
import { BOUNDS } from "../../../src/limits.ts";
import type { Failure } from "../../../src/routing/health/outcome.ts";
import { heartbeatTiming, type HeartbeatPolicy } from "../../../src/routing/ledger/liveness.ts";
import {
  restoreReplica,
  storedForm,
  sweepOrphaning,
  type HeartbeatOutcome,
  type StoredReplica,
} from "../../../src/routing/ledger/membership.ts";
import type { Wanted } from "../../../src/routing/ledger/queue.ts";
import type { Heartbeat } from "../../../src/routing/ledger/report.ts";
import { unanswered, type Adoption } from "../../../src/routing/ledger/slots.ts";
import type { Policy } from "../../../src/routing/policy/policy.ts";
import type { WaitingOptions } from "../../../src/routing/refusals.ts";
import * as lifecycle from "../../../src/routing/lifecycle.ts";
import * as registry from "../../../src/routing/registry.ts";
import type { Choice } from "../../../src/routing/scheduler.ts";
import type { Arrival } from "../../../src/routing/ledger/queue.ts";
import * as scheduling from "../../../src/routing/scheduler.ts";
import type { Told } from "./dispatch.ts";

export class FleetObject {
  nowMs = 1_000_000;
  scheduler: scheduling.Scheduler;
  /** When the timer fires; Infinity: it is not set. */
  wakesAtMs = Infinity;
  readonly stored = new Map<string, StoredReplica>();
  readonly #forbidden = new Map<string, { readonly incarnation: number; readonly untilMs: number }>();
  readonly #heartbeats: HeartbeatPolicy;
  readonly #newPolicy: () => Policy;
  readonly options: WaitingOptions;
  #nextId = 1;

  constructor(heartbeats: HeartbeatPolicy, options: WaitingOptions, newPolicy: () => Policy) {
    this.#heartbeats = heartbeats;
    this.#newPolicy = newPolicy;
    this.options = options;
    this.scheduler = scheduling.createScheduler(newPolicy(), options.coldStartMs);
  }

  /** `heldUpMs`: how long ago it reached the router. */
  heartbeat(beat: Heartbeat, heldUpMs: number): { readonly outcome: HeartbeatOutcome; readonly told: Told | null } {
    const { fleet } = this.scheduler;
    const outcome = registry.hear(this.scheduler, beat, this.#timeToLiveMs(), this.nowMs, this.nowMs - heldUpMs);
    if (outcome.kind === "stale" || outcome.kind === "fleet_full" || outcome.kind === "origin_taken")
      return { outcome, told: null };
    const replica = fleet.replicas.get(beat.replica);
    if (outcome.kind === "stopped" && outcome.known) this.#tombstones([beat.replica]);
    if (outcome.kind === "accepted" && replica !== undefined) {
      if (outcome.replaced !== null) this.#tombstones([outcome.replaced]);
      if (outcome.stored) this.#persist(storedForm(replica));
      this.#wakeAt(replica.expiresAtMs);
    }
    return { outcome, told: this.#dispatch() };
  }

  /** `told`: what others were told, where the request was granted; undefined: nobody was asked. */
  enqueue(arrival: Arrival): {
    readonly id: number;
    readonly result: scheduling.EnqueueResult;
    readonly loadUntilMs: number | null;
    readonly tellOthers: () => Told | null;
  } {
    const id = this.#nextId++;
    const result = scheduling.enqueue(this.scheduler, this.options, id, arrival, this.nowMs);
    if (result.kind === "waiting") this.#wakeAt(scheduling.nextEventMs(this.scheduler));
    return { id, result, loadUntilMs: this.#loadUntilMs(id), tellOthers: () => this.#dispatch() };
  }

  adopt(adoption: Adoption): number | null {
    const id = this.#nextId++;
    const grant = scheduling.adopt(this.scheduler, id, adoption);
    this.#wakeAt(scheduling.nextEventMs(this.scheduler));
    return grant === null ? null : id;
  }

  choose(wanted: Wanted): Choice | null {
    return scheduling.choose(this.scheduler, wanted, this.nowMs);
  }

  answered(id: number, answer: lifecycle.Answer): Told | null {
    const changed = lifecycle.answered(this.scheduler, id, answer, this.nowMs);
    if (changed !== null) this.#persist(storedForm(changed));
    return this.#dispatch();
  }

  failed(id: number, failure: Failure, inBandHints: readonly string[] | null): Told | null {
    const changed = lifecycle.failed(this.scheduler, id, failure, inBandHints, this.nowMs);
    if (changed !== null) this.#persist(storedForm(changed));
    return this.#dispatch();
  }

  ended(id: number, whole: boolean): Told | null {
    lifecycle.ended(this.scheduler, id, whole, this.nowMs);
    return this.#dispatch();
  }

  succeeded(success: lifecycle.Success): Told | null {
    lifecycle.succeeded(this.scheduler, success, this.nowMs);
    return this.#dispatch();
  }

  finished(id: number): Told | null {
    lifecycle.finish(this.scheduler, id, this.nowMs);
    return this.#dispatch();
  }

  /** Null: the replica is not known. */
  drain(id: string, drained: boolean): { readonly told: Told | null } | null {
    const replica = this.scheduler.fleet.replicas.get(id);
    if (replica === undefined) return null;
    const graceUntilMs = this.nowMs + this.#timeToLiveMs();
    if (registry.drain(this.scheduler, replica, drained, graceUntilMs, this.nowMs)) this.#persist(storedForm(replica));
    return { told: this.#dispatch() };
  }

  /** Null: the replica is not known. */
  remove(id: string): { readonly told: Told | null } | null {
    const replica = this.scheduler.fleet.replicas.get(id);
    if (replica === undefined) return null;
    const untilMs = this.nowMs + this.#timeToLiveMs();
    registry.remove(this.scheduler, replica, untilMs, this.nowMs);
    this.#forbidden.set(id, { incarnation: replica.incarnation, untilMs });
    this.#tombstones([id]);
    return { told: this.#dispatch() };
  }

  /** The timer fires. `lost`: the requests whose Workers are told that. */
  wake(): { readonly expired: readonly string[]; readonly lost: readonly number[]; readonly told: Told | null } {
    this.wakesAtMs = Infinity;
    const expired = registry.expire(this.scheduler, this.#timeToLiveMs(), this.nowMs);
    const gone = [...expired, ...sweepOrphaning(this.scheduler.fleet, this.nowMs)];
    const lost = gone.flatMap((replica) => [...unanswered(replica)].map(({ id }) => id));
    this.#tombstones(expired.map(({ id }) => id));
    const told = this.#dispatch();
    this.#wakeAt(scheduling.nextEventMs(this.scheduler));
    return { expired: expired.map(({ id }) => id), lost, told };
  }

  /** The object ends; another starts with what is stored. */
  restart(): void {
    this.scheduler = scheduling.createScheduler(this.#newPolicy(), this.options.coldStartMs);
    this.wakesAtMs = Infinity;
    const { fleet } = this.scheduler;
    for (const [id, { incarnation, untilMs }] of this.#forbidden) {
      fleet.tombstones.set(id, { incarnation, sequence: null, untilMs, forbidden: true, record: null });
    }
    if (this.stored.size === 0) return;
    const { timeToLiveMs } = heartbeatTiming(this.#heartbeats, this.stored.size);
    for (const replica of this.stored.values()) restoreReplica(fleet, replica, this.nowMs + timeToLiveMs);
    this.scheduler.recoveringUntilMs = this.nowMs + BOUNDS.recoveryMs;
    this.#wakeAt(this.nowMs + timeToLiveMs);
  }

  #dispatch(): Told | null {
    for (const lostAtMs of this.scheduler.fleet.orphaning.values()) this.#wakeAt(lostAtMs);
    if (this.scheduler.queue.waiting.size === 0) return null;
    const outcomes = scheduling.dispatch(this.scheduler, this.options, this.nowMs);
    if (this.scheduler.queue.waiting.size > 0) this.#wakeAt(scheduling.nextEventMs(this.scheduler));
    const loadUntilMs = new Map<number, number>();
    for (const id of outcomes.keys()) {
      const untilMs = this.#loadUntilMs(id);
      if (untilMs !== null) loadUntilMs.set(id, untilMs);
    }
    return { outcomes, loadUntilMs, wakesAtMs: this.wakesAtMs };
  }

  /** Until when the load that a request began is believed; null: it began none. */
  #loadUntilMs(id: number): number | null {
    const grant = this.scheduler.fleet.grants.get(id);
    const load = grant?.replica.loading.get(grant.hint ?? "");
    return load?.grantId === id ? load.untilMs : null;
  }

  #persist(row: StoredReplica): void {
    this.stored.set(row.id, row);
  }

  #tombstones(ids: readonly string[]): void {
    if (ids.length === 0) return;
    for (const [id, { untilMs }] of this.#forbidden) if (untilMs <= this.nowMs) this.#forbidden.delete(id);
    for (const id of ids) this.stored.delete(id);
  }

  #wakeAt(atMs: number): void {
    this.wakesAtMs = Math.min(this.wakesAtMs, atMs);
  }

  #timeToLiveMs(): number {
    return heartbeatTiming(this.#heartbeats, this.scheduler.fleet.replicas.size).timeToLiveMs;
  }
}
