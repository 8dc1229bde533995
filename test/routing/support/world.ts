// A small model of the world around a scheduler: requests that arrive, are answered and end; replicas that report, restart and go;
// time. It drives the real scheduler, keeps its own books of who may be given what, and complains when the two disagree.
import { expect } from "vitest";
import type { Reason } from "../../../src/routing/policy/decide.ts";
import type { Failure } from "../../../src/routing/health/outcome.ts";
import type { Fleet, Replica } from "../../../src/routing/ledger/fleet.ts";
import type { ReplicaStatus } from "../../../src/routing/ledger/report.ts";
import {
  applyHeartbeat,
  deleteReplica,
  setDrained,
  storedForm,
  sweepOrphaning,
  type StoredReplica,
} from "../../../src/routing/ledger/membership.ts";
import * as scheduling from "../../../src/routing/scheduler.ts";
import { grantOf } from "../../../src/routing/ledger/slots.ts";
import { beat, fullPicture, picture, TTL_MS } from "./fleets.ts";
import type { Command } from "./happenings.ts";
import { answerViolations, reportViolations, roomViolations, violations } from "./invariants.ts";
import { inOrder, waits } from "./waits.ts";

interface Request {
  readonly id: number;
  state: "waiting" | "running" | "over";
  settlements: number;
  readonly avoid: readonly string[];
  replica: string | null;
}

/** The model's own view of a live replica. */
interface Member {
  readonly incarnation: number;
  readonly status: ReplicaStatus;
  drained: boolean;
  readonly concurrency: number;
  readonly origin: string;
  readonly expiresAtMs: number;
}

const COLD_MS = 2000;

export class World {
  readonly scheduler = scheduling.createScheduler(COLD_MS);
  now = 0;
  /** Times a request was seen to wait beside a free replica. */
  kept = 0;
  readonly #options: scheduling.SchedulerOptions;
  readonly #requests = new Map<number, Request>();
  readonly #members = new Map<string, Member>();
  /** The highest incarnation heard of each replica, and that of its last report. */
  readonly #newest = new Map<string, number>();
  readonly #last = new Map<string, number>();
  readonly #sequences = new Map<string, number>();
  /** Requests running by replica and incarnation, oldest first. */
  readonly #running = new Map<string, Set<number>>();
  /** Requests that run although their slots were taken back, by replica and incarnation, and when the last was. */
  readonly #reclaimed = new Map<string, { ids: number[]; readonly atMs: number }>();
  /** What the object has been told to store. */
  readonly #stored = new Map<string, StoredReplica>();
  readonly #granted: Partial<Record<Reason, number>> = { ...this.scheduler.counters.granted };

  constructor(affinityWait: scheduling.SchedulerOptions["affinityWait"]) {
    this.#options = { queueLengthMax: 6, coldStartMs: COLD_MS, affinityWait };
  }

  step(command: Command): void {
    this.#act(command);
    this.#settle();
    this.check();
  }

  /** Every request ends, those that are bound meanwhile too. */
  finishAll(): void {
    while (this.#open().length > 0)
      for (const request of this.#open()) this.step({ does: "endTwice", which: this.#open().indexOf(request) });
  }

  #act(command: Command): void {
    const { fleet } = this.scheduler;
    switch (command.does) {
      case "wait":
        this.now += command.ms;
        for (const { id } of scheduling.expire(this.scheduler, TTL_MS, this.now)) {
          expect(this.#members.get(id)?.expiresAtMs).toBeLessThanOrEqual(this.now);
          this.#left(id);
        }
        for (const replica of sweepOrphaning(fleet, this.now))
          expect([isLive(fleet, replica), replica.lost]).toEqual([false, true]);
        for (const lostAtMs of fleet.orphaning.values()) expect(lostAtMs).toBeGreaterThan(this.now);
        for (const member of this.#members.values()) expect(member.expiresAtMs).toBeGreaterThan(this.now);
        return;
      case "report":
        return this.#report(command);
      case "arrive":
        return this.#arrive(command);
      case "answer":
      case "fail":
      case "end":
      case "endTwice":
        return this.#tell(command);
      case "drain":
      case "undrain":
      case "delete": {
        const replica = fleet.replicas.get(command.replica);
        const member = this.#members.get(command.replica);
        if (replica === undefined || member === undefined) return;
        if (command.does === "delete") {
          deleteReplica(fleet, replica, this.now + TTL_MS);
          this.#left(command.replica);
          return;
        }
        if (setDrained(fleet, replica, command.does === "drain", this.now + TTL_MS))
          this.#stored.set(replica.id, storedForm(replica));
        member.drained = command.does === "drain";
      }
    }
  }

  #report({ replica: id, process, sequence, at, said }: Extract<Command, { does: "report" }>): void {
    const { fleet } = this.scheduler;
    const incarnation = Math.max(0, (this.#newest.get(id) ?? 1) + process);
    const next = (this.#sequences.get(id) ?? 0) + 1;
    const number = sequence === "next" ? next : sequence === "none" ? null : 1;
    const before = picture(fleet);
    const oldest = new Map(fleet.grants);
    const origin = `https://${at ?? id}.example.com`;
    const outcome = applyHeartbeat(fleet, beat(id, { ...said, origin, incarnation, sequence: number }), TTL_MS, this.now);
    if (outcome.kind === "stale" || outcome.kind === "fleet_full" || outcome.kind === "origin_taken") {
      expect(picture(fleet)).toEqual(before);
      if (outcome.kind === "origin_taken") {
        expect(this.#members.get(outcome.replica)).toMatchObject({ origin, incarnation: outcome.incarnation });
        expect(outcome.incarnation).toBeGreaterThan(incarnation);
      }
      return;
    }
    // With another process the one before is dead: should it be believed again, much later, its requests of then do not count.
    if (this.#last.get(id) !== incarnation) this.#running.delete(`${id}@${incarnation}`);
    this.#last.set(id, incarnation);
    this.#newest.set(id, Math.max(this.#newest.get(id) ?? 0, incarnation));
    this.#sequences.set(id, next);
    if (outcome.kind === "stopped") {
      expect(outcome.known).toBe(this.#members.has(id));
      return this.#left(id);
    }
    const [owner = null] = [...this.#members].flatMap(([other, its]) => (other !== id && its.origin === origin ? other : []));
    expect(outcome.replaced).toBe(owner);
    if (owner !== null) this.#left(owner);
    const replica = fleet.replicas.get(id);
    if (replica === undefined) throw new Error("accepted and not known");
    const { status, concurrency } = replica;
    expect([status, concurrency]).toEqual([said.status ?? "ready", said.concurrency ?? 1]);
    if ((said.hints ?? null) !== null) expect(reportViolations(replica)).toEqual([]);
    const was = this.#members.get(id);
    const drained = was?.incarnation === incarnation ? was.drained : replica.drained;
    this.#members.set(id, { incarnation, status, drained, concurrency, origin, expiresAtMs: this.now + TTL_MS });
    if (outcome.stored) this.#stored.set(id, storedForm(replica));
    const reclaimed = [...oldest.keys()].filter((grant) => !fleet.grants.has(grant));
    expect(reclaimed.length).toBe(outcome.reclaimed);
    const running = this.#running.get(`${id}@${incarnation}`) ?? new Set();
    // A count above the slots held gives slots back to requests from which they were taken.
    const key = `${id}@${incarnation}`;
    const back = (this.#reclaimed.get(key)?.ids ?? []).filter((grant) => fleet.grants.has(grant));
    for (const grant of back) running.add(grant);
    const left = this.#reclaimed.get(key);
    if (left !== undefined) left.ids = left.ids.filter((grant) => !back.includes(grant));
    const byAge = [...running].sort((a, b) => (oldest.get(a)?.grantedAtMs ?? 0) - (oldest.get(b)?.grantedAtMs ?? 0));
    expect(new Set(reclaimed)).toEqual(new Set(byAge.slice(0, reclaimed.length)));
    for (const grant of byAge.slice(0, reclaimed.length)) {
      running.delete(grant);
      this.#takenBack(`${id}@${incarnation}`, concurrency, grant);
    }
    this.scheduler.counters.reclaimed += outcome.reclaimed;
  }

  #arrive(command: Extract<Command, { does: "arrive" }>): void {
    const { hints, avoid, timeoutMs, queueLengthMax, declaredMs, priority } = command;
    const request: Request = { id: this.#requests.size + 1, state: "waiting", settlements: 0, avoid, replica: null };
    this.#requests.set(request.id, request);
    const arrival = {
      hints,
      avoid,
      arrivedAtMs: this.now,
      deadlineMs: this.now + timeoutMs,
      queueLengthMax,
      declaredMs,
      priority,
    };
    const standing = scheduling.enqueue(this.scheduler, this.#options, request.id, arrival, this.now);
    if (standing.kind !== "waiting") this.#settled(request.id, standing);
  }

  #tell(command: Extract<Command, { which: number }>): void {
    const open = this.#open();
    const request = open[command.which % Math.max(1, open.length)];
    if (request === undefined) return;
    switch (command.does) {
      case "fail":
        return this.#fail(request.id, command.failure);
      case "answer": {
        const { fleet } = this.scheduler;
        const { kind, hints } = command;
        const replica = fleet.grants.get(request.id)?.replica;
        const before = replica?.unreported.size ?? 0;
        const changed = scheduling.answered(this.scheduler, request.id, { kind, hints }, this.now);
        if (hints === null) expect(changed).toBeNull();
        if (replica !== undefined && isLive(fleet, replica)) {
          expect(hints === null ? answerViolations(replica, before) : reportViolations(replica)).toEqual([]);
        }
        if (changed !== null) this.#stored.set(changed.id, storedForm(changed));
        return;
      }
      case "end":
      case "endTwice": {
        const grantedAtMs = this.scheduler.fleet.grants.get(request.id)?.grantedAtMs ?? null;
        scheduling.finish(this.scheduler, request.id, this.now);
        request.state = "over";
        this.#over(request.id, grantedAtMs);
        if (command.does === "end") return;
        const after = fullPicture(this.scheduler);
        scheduling.finish(this.scheduler, request.id, this.now);
        expect(fullPicture(this.scheduler)).toEqual(after);
      }
    }
  }

  /** A slot is withheld with each 503 of a replica, and each answer with which it asks for another replica; of no other is any. */
  #fail(id: number, failure: Failure): void {
    const { fleet } = this.scheduler;
    const its = grantOf(fleet, id);
    const refuses = failure.kind === "unavailable" || failure.kind === "declined";
    const withholds = refuses && its !== undefined && isLive(fleet, its.replica);
    const withheldBy = ({ withheld, withheldUntilMs }: Replica) => (this.now < withheldUntilMs ? withheld : 0);
    const before = new Map([...fleet.replicas].map(([name, replica]) => [name, withheldBy(replica)]));
    expect(scheduling.failed(this.scheduler, id, failure, null, this.now)).toBeNull();
    for (const [name, replica] of fleet.replicas) {
      const was = before.get(name) ?? 0;
      expect(withheldBy(replica)).toBe(withholds && name === its.replica.id ? Math.min(was + 1, replica.concurrency) : was);
    }
  }

  #takenBack(process: string, concurrency: number, id: number): void {
    const { ids } = this.#reclaimed.get(process) ?? { ids: [] };
    this.#reclaimed.set(process, { ids: [...ids, id].slice(-concurrency), atMs: this.now });
  }

  /** Where it was there when slots were taken back, the oldest of those has its slot again. */
  #over(id: number, grantedAtMs: number | null): void {
    for (const reclaimed of this.#reclaimed.values()) reclaimed.ids = reclaimed.ids.filter((other) => other !== id);
    for (const [process, running] of this.#running) {
      if (!running.delete(id)) continue;
      const reclaimed = this.#reclaimed.get(process);
      if (reclaimed === undefined || (grantedAtMs ?? Infinity) >= reclaimed.atMs) continue;
      const [again] = reclaimed.ids.splice(0, 1);
      if (again !== undefined) running.add(again);
    }
  }

  #settle(): void {
    this.#settleOnce();
    // Each that leaves the queue makes the wait of the others worth less, so a second look may load what the first did not.
    for (let again = this.#settleOnce(); again.length > 0; again = this.#settleOnce()) {
      expect(this.#options.affinityWait).toBe("auto");
      for (const settlement of again) expect(settlement).toMatchObject({ kind: "granted", warm: false });
    }
  }

  #settleOnce(): readonly scheduling.Settlement[] {
    const settled = scheduling.settle(this.scheduler, this.#options, this.now);
    for (const [id, settlement] of settled) this.#settled(id, settlement);
    return [...settled.values()];
  }

  #settled(id: number, settlement: scheduling.Settlement): void {
    const request = this.#requests.get(id);
    expect([request?.state, request?.settlements]).toEqual(["waiting", 0]);
    if (request === undefined) return;
    request.settlements++;
    if (settlement.kind === "refused") {
      request.state = "over";
      return;
    }
    const { replica } = settlement.grant;
    const member = this.#members.get(replica.id);
    expect(member).toMatchObject({ incarnation: replica.incarnation, status: "ready", drained: false });
    expect(request.avoid).not.toContain(replica.id);
    const running = this.#running.get(`${replica.id}@${replica.incarnation}`) ?? new Set();
    expect(running.size).toBeLessThan(member?.concurrency ?? 0);
    this.#running.set(`${replica.id}@${replica.incarnation}`, running.add(id));
    request.state = "running";
    request.replica = replica.id;
    this.#granted[settlement.reason] = (this.#granted[settlement.reason] ?? 0) + 1;
  }

  #left(id: string): void {
    expect(this.#members.delete(id)).toBe(this.#stored.delete(id));
  }

  #open(): Request[] {
    return [...this.#requests.values()].filter((request) => request.state !== "over");
  }

  /** Everything that must hold between two steps. */
  check(): void {
    const { fleet, room, counters } = this.scheduler;
    expect([...violations(fleet, this.now), ...roomViolations(room)]).toEqual([]);
    for (const lostAtMs of fleet.orphaning.values()) expect(scheduling.nextEventMs(this.scheduler)).toBeLessThanOrEqual(lostAtMs);
    const replicas = [...fleet.replicas.values()];
    expect(new Map(replicas.map((replica) => [replica.id, storedForm(replica)]))).toEqual(this.#stored);
    for (const replica of replicas) {
      const { incarnation, status, drained, concurrency, origin, grants, unclaimed, withheld, withheldUntilMs } = replica;
      expect(this.#members.get(replica.id)).toMatchObject({ incarnation, status, drained, concurrency, origin });
      // While anybody waits no slot is withheld for longer than it should be, and somebody looks when it no longer is.
      if (withheld > 0 && room.waiting.size > 0) {
        expect(withheldUntilMs).toBeGreaterThan(this.now);
        expect(scheduling.nextEventMs(this.scheduler)).toBeLessThanOrEqual(withheldUntilMs);
      }
      expect([[...grants.keys()], unclaimed]).toEqual([[...(this.#running.get(`${replica.id}@${incarnation}`) ?? [])], 0]);
    }
    const { faults, kept } = waits(this.scheduler, this.#options, this.now);
    expect(faults).toEqual([]);
    this.kept += kept;
    expect(room.waiting.size).toBeLessThanOrEqual(this.#options.queueLengthMax);
    const waiting = [...this.#requests.values()].filter((request) => request.state === "waiting");
    expect(inOrder(room).map((waiting) => waiting.id)).toEqual(waiting.map((request) => request.id));
    expect(counters.granted).toEqual(this.#granted);
  }
}

const isLive = (fleet: Fleet, replica: Replica) => fleet.replicas.get(replica.id) === replica;
