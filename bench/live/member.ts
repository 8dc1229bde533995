// A live replica with its reports: one after the other at its interval, unless they are disturbed.
import type { Agent } from "node:http";
import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises";
import { seeded, type Random } from "../simulate/random.ts";
import { post } from "./client.ts";
import type { LiveReplica } from "./replica.ts";
import type { LiveRouter } from "./router.ts";

type Status = "ready" | "draining" | "stopped";

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

interface MemberOptions {
  readonly router: LiveRouter;
  readonly agent: Agent;
  readonly everyMs: number;
  /** No report is made while one is on its way. Otherwise a report on its way delays no other; the time for an answer bounds their number. */
  readonly oneByOne: boolean;
  /** How late a late report is, is drawn from it. */
  readonly seed: number;
  readonly onBeat: (beat: Beat) => void;
}

type Report = Omit<Beat, "sentMs" | "answeredMs" | "answered">;

const ANSWER_TIMEOUT_MS = 5000;
/** A late report is late by a part of the interval: one that is later would only come out of order. */
const LATE_SHARE = { least: 0.2, most: 0.8 };

export class Member implements Disposable {
  readonly replica: LiveReplica;
  disturbance: Disturbance | null = null;
  #status: Status = "ready";
  readonly #options: MemberOptions;
  readonly #random: Random;
  readonly #over = new AbortController();
  /** A report that is held back until the next has gone. */
  #heldBack: Report | null = null;
  #sequence = 0;
  #paused = false;

  constructor(replica: LiveReplica, options: MemberOptions) {
    this.replica = replica;
    this.#options = options;
    this.#random = seeded(options.seed);
  }

  /** The process ends, and with it its reports. `says`: the last report tells the router so. */
  async stop(says = false): Promise<void> {
    this.#paused = true;
    this.#heldBack = null;
    if (says) await this.beat("stopped");
    await this.replica.die();
  }

  /** A new process takes the place of the old one, which ends if it still runs. It begins with a report. */
  async restart(incarnation = Date.now()): Promise<void> {
    await this.replica.die();
    await this.replica.revive(incarnation);
    this.#paused = false;
    this.#sequence = 0;
    void this.become("ready");
  }

  /** Reports this status from now on. */
  become(status: Status): Promise<void> {
    this.#status = status;
    return this.beat();
  }

  /** Sends one report now, whatever disturbs others. Never fails. */
  beat(status = this.#status): Promise<void> {
    return this.#send(this.#report(status));
  }

  [Symbol.dispose](): void {
    this.#over.abort();
  }

  /** Reports until it is disposed, the first time after `firstMs`. */
  async keepBeating(firstMs: number): Promise<void> {
    const { everyMs, oneByOne } = this.#options;
    for (let nextMs = performance.now() + firstMs; ; nextMs = Math.max(nextMs + everyMs, performance.now())) {
      await this.#wait(nextMs - performance.now());
      // If the event loop stood still, requests may have arrived that it has not come to. A report must not miss them.
      await turn();
      if (this.#over.signal.aborted) return;
      if (this.#paused) continue;
      const sent = this.#sendDisturbed(this.#report(this.#status));
      if (oneByOne) await sent;
    }
  }

  async #sendDisturbed(report: Report): Promise<void> {
    const heldBack = this.#heldBack;
    const { disturbance } = this;
    this.#heldBack = null;
    if (disturbance === "lost") return;
    if (disturbance === "reordered" && heldBack === null) {
      this.#heldBack = report;
      return;
    }
    if (disturbance === "doubled") void this.#send(report);
    const { least, most } = LATE_SHARE;
    if (disturbance === "late") await this.#wait(this.#options.everyMs * (least + (most - least) * this.#random()));
    for (const its of [report, heldBack]) if (its !== null && !this.#paused) await this.#send(its);
  }

  async #wait(ms: number): Promise<void> {
    await sleep(Math.max(0, ms), undefined, { signal: this.#over.signal }).catch(() => {});
  }

  #report(status: Status): Report {
    const { options, port, incarnation, hints, inFlight } = this.replica;
    const { app, replica, concurrency, hintSlots } = options;
    const its = { origin: `http://127.0.0.1:${port}`, hints, hint_slots: hintSlots, in_flight: inFlight, concurrency };
    return { ...its, app, replica, incarnation, status, sequence: ++this.#sequence };
  }

  async #send(report: Report): Promise<void> {
    const { router, agent, onBeat } = this.#options;
    if (this.#over.signal.aborted) return;
    const { app, replica, incarnation, sequence, status } = report;
    const sentMs = performance.now();
    const signal = AbortSignal.any([this.#over.signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]);
    const headers = { authorization: `Bearer ${router.token}` };
    const answered = await post(`${router.url}/-/heartbeat`, agent, headers, report, signal).catch(() => null);
    onBeat({ app, replica, incarnation, sequence, status, sentMs, answeredMs: performance.now(), answered });
  }
}
