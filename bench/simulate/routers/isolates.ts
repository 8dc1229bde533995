// Isolates around the scheduler of one object: each request comes to one of them, which sends it by its own copy of the fleet, or asks the object. As in
// production an isolate refreshes its copy when a request comes and the copy is old, and while it has something to report. Calls take no time here.
import TinyQueue from "tinyqueue";
import { SnapshotEncoder } from "../../../src/routing/direct/codec.ts";
import { FleetCopy } from "../../../src/routing/direct/copy.ts";
import { decideDirect, DIRECT_RULE, type DirectRule } from "../../../src/routing/direct/decide.ts";
import { Isolates } from "../../../src/routing/direct/isolates.ts";
import { Reporter, type DirectSend } from "../../../src/routing/direct/report.ts";
import { FleetImage } from "../../../src/routing/direct/snapshot.ts";
import type { Failure } from "../../../src/routing/health/outcome.ts";
import { LIMITS } from "../../../src/routing/limits.ts";
import type { Scheduler } from "../../../src/routing/scheduler.ts";
import type { Random } from "../random.ts";
import type { Answer } from "../router.ts";

export interface Dispatch {
  readonly isolates: number;
  /** The mean time between an isolate's refreshes. */
  readonly snapshotMs: number;
  readonly rule: DirectRule;
}

/** `auto` as in production; `edge`: also replicas that serve one request at a time. */
export const RULES: Readonly<Record<"edge" | "auto", DirectRule>> = {
  edge: { ...DIRECT_RULE, concurrencyLeast: 1 },
  auto: DIRECT_RULE,
};

interface Isolate {
  readonly copy: FleetCopy;
  readonly reporter: Reporter;
  readonly failedAtMs: Map<string, number>;
  nextRefreshMs: number;
  scheduled: boolean;
}

interface Sent {
  readonly isolate: Isolate;
  readonly send: DirectSend;
}

export class Edge {
  readonly #scheduler: Scheduler;
  readonly #dispatch: Dispatch;
  readonly #random: Random;
  readonly #isolates: readonly Isolate[];
  readonly #sent = new Map<number, Sent>();
  readonly #object = new Isolates();
  readonly #image = new FleetImage(1);
  readonly #encoder = new SnapshotEncoder();
  readonly #refreshes = new TinyQueue<Isolate>([], (a, b) => a.nextRefreshMs - b.nextRefreshMs);

  constructor(scheduler: Scheduler, dispatch: Dispatch, random: Random) {
    this.#scheduler = scheduler;
    this.#dispatch = dispatch;
    this.#random = random;
    this.#isolates = Array.from({ length: dispatch.isolates }, (_, index) => {
      const copy = new FleetCopy();
      const reporter = new Reporter(String(index), copy);
      return { copy, reporter, failedAtMs: new Map<string, number>(), nextRefreshMs: -Infinity, scheduled: false };
    });
  }

  /** The replica to which the request's isolate sends it by itself; null: the object is to be asked. */
  send(id: number, hint: string, now: number): string | null {
    const isolate = this.#isolates[Math.floor(this.#random() * this.#isolates.length)]!;
    const { copy, reporter, failedAtMs } = isolate;
    const usable = (replica: { id: string }) => now - (failedAtMs.get(replica.id) ?? -Infinity) >= LIMITS.ejectionMs;
    const choice = decideDirect(copy, [hint], usable, now, this.#random, this.#dispatch.rule);
    const send = choice && reporter.begin(choice, [hint], now);
    if (send !== null) this.#sent.set(id, { isolate, send });
    if (now >= isolate.nextRefreshMs) this.#refresh(isolate, now);
    else this.#schedule(isolate);
    return send?.replica.id ?? null;
  }

  /** False: the object has sent the request. So of the others. */
  answered(id: number, { status, hints }: Answer, now: number): boolean {
    const its = this.#sent.get(id);
    if (status === 200) its?.send.answered("success", hints, now);
    else its?.send.failed({ kind: "error" }, hints, now);
    return its !== undefined;
  }

  finished(id: number, now: number): boolean {
    const its = this.#sent.get(id);
    its?.send.finish(true, now);
    return this.#sent.delete(id);
  }

  /** Gives the replica that failed the request; null: the object has sent it. */
  failed(id: number, failure: Failure, now: number): string | null {
    const its = this.#sent.get(id);
    if (its === undefined) return null;
    const { isolate, send } = its;
    send.failed(failure, null, now);
    send.finish(false, now);
    isolate.failedAtMs.set(send.replica.id, now);
    this.#sent.delete(id);
    return send.replica.id;
  }

  nextEventMs(): number {
    return this.#refreshes.peek()?.nextRefreshMs ?? Infinity;
  }

  tick(now: number): void {
    while (this.nextEventMs() <= now) {
      const isolate = this.#refreshes.pop()!;
      isolate.scheduled = false;
      this.#refresh(isolate, now);
    }
    this.#object.expire(this.#scheduler.fleet, now);
  }

  #refresh(isolate: Isolate, now: number): void {
    const { touched } = this.#object.apply(this.#scheduler, isolate.reporter.take(now), now);
    this.#image.refresh(this.#scheduler, now, touched);
    isolate.copy.apply(this.#encoder.encode(this.#image, isolate.copy.known), now);
    if (!isolate.scheduled) isolate.nextRefreshMs = now + this.#dispatch.snapshotMs * (0.5 + this.#random());
    this.#schedule(isolate);
  }

  #schedule(isolate: Isolate): void {
    if (isolate.scheduled || !isolate.reporter.hasNews) return;
    isolate.scheduled = true;
    this.#refreshes.push(isolate);
  }
}
