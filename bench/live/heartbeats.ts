// A live replica's reports: one after the other at its interval, unless they are disturbed.
import type { Agent } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { seeded, type Random } from "../simulate/random.ts";
import { post } from "./exchange.ts";
import type { LiveReplica } from "./replica.ts";
import type { LiveRouter } from "./router.ts";

export type Status = "starting" | "ready" | "draining" | "stopped";

/** As it is sent. */
interface Report {
  readonly incarnation: number;
  readonly sequence: number;
  readonly status: Status;
}

/** What happens to reports on their way. */
export type Disturbance = "lost" | "doubled" | "late" | "reordered";

/** A report and what became of it. */
export interface Beat {
  readonly replica: string;
  readonly app: string;
  readonly incarnation: number;
  readonly sequence: number;
  readonly status: Status;
  readonly sentMs: number;
  readonly answeredMs: number;
  /** Null: no answer. */
  readonly answered: number | null;
}

export interface HeartbeatOptions {
  readonly router: LiveRouter;
  readonly agent: Agent;
  readonly everyMs: number;
  /** Of what is drawn: how late a late report is. */
  readonly seed: number;
  readonly onBeat?: (beat: Beat) => void;
}

const ANSWER_TIMEOUT_MS = 5000;
/** A late report is late by a part of the interval: one that is later would only come out of order. */
const LATE_SHARE = { least: 0.2, most: 0.8 };

export class Heartbeats implements Disposable {
  disturbance: Disturbance | null = null;
  status: Status = "ready";
  readonly #replica: LiveReplica;
  readonly #options: HeartbeatOptions;
  readonly #random: Random;
  readonly #over = new AbortController();
  /** A report that is held back until the next has gone. */
  #heldBack: Report | null = null;
  #sequence = 0;
  #paused = false;

  constructor(replica: LiveReplica, options: HeartbeatOptions) {
    this.#replica = replica;
    this.#options = options;
    this.#random = seeded(options.seed);
  }

  /** Sends the first report at once and goes on until disposed. Gives what became of the first. */
  async start(): Promise<Beat> {
    const first = await this.beat();
    this.#loop().catch(() => {});
    return first;
  }

  /** No reports while it is paused: the process is down. */
  pause(): void {
    this.#paused = true;
    this.#heldBack = null;
  }

  /** As a process that has just started, which begins with a report. */
  resume(status: Status = "ready"): void {
    this.status = status;
    this.#paused = false;
    this.#sequence = 0;
    void this.beat();
  }

  /** Sends one report now, whatever disturbs others. Never fails. */
  beat(status = this.status): Promise<Beat> {
    return this.#send(this.#report(status));
  }

  [Symbol.dispose](): void {
    this.#over.abort();
  }

  async #loop(): Promise<void> {
    const { everyMs } = this.#options;
    const { signal } = this.#over;
    for (let nextMs = performance.now() + everyMs; ; nextMs = Math.max(nextMs + everyMs, performance.now())) {
      await sleep(Math.max(0, nextMs - performance.now()), undefined, { signal });
      if (!this.#paused) this.#sendDisturbed();
    }
  }

  /** Not awaited: a report on its way does not delay the next. How many can be on their way is bounded by the time for an answer. */
  #sendDisturbed(): void {
    const report = this.#report(this.status);
    const heldBack = this.#heldBack;
    this.#heldBack = null;
    switch (this.disturbance) {
      case "lost":
        return;
      case "doubled":
        void this.#send(report);
        break;
      case "late":
        void this.#sendLater(report);
        return;
      case "reordered":
        if (heldBack === null) {
          this.#heldBack = report;
          return;
        }
        break;
      case null:
        break;
    }
    void this.#sendInOrder(report, heldBack);
  }

  async #sendInOrder(first: Report, then: Report | null): Promise<void> {
    await this.#send(first);
    if (then !== null && !this.#paused) await this.#send(then);
  }

  async #sendLater(report: Report): Promise<void> {
    const { least, most } = LATE_SHARE;
    const lateMs = this.#options.everyMs * (least + (most - least) * this.#random());
    await sleep(lateMs, undefined, { signal: this.#over.signal }).catch(() => {});
    if (!this.#paused && !this.#over.signal.aborted) await this.#send(report);
  }

  #report(status: Status): Report {
    const { options, origin, incarnation, service } = this.#replica;
    const { app, replica, concurrency, hintSlots } = options;
    const its = { origin, hints: service.hints(), hint_slots: hintSlots, in_flight: service.inFlight };
    return { ...its, ...{ app, replica, concurrency, incarnation, status }, sequence: ++this.#sequence };
  }

  async #send(report: Report): Promise<Beat> {
    const { router, agent, onBeat } = this.#options;
    const { app, replica } = this.#replica.options;
    const { incarnation, sequence, status } = report;
    const sentMs = performance.now();
    let answered: number | null = null;
    try {
      const headers = { authorization: `Bearer ${router.token}` };
      const signal = AbortSignal.any([this.#over.signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]);
      answered = (await post(`${router.url}/-/heartbeat`, { agent, headers, body: report, signal })).status;
    } catch {
      // No answer is what the record says.
    }
    const beat = { app, replica, incarnation, sequence, status, sentMs, answeredMs: performance.now(), answered };
    onBeat?.(beat);
    return beat;
  }
}
