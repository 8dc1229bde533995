// A replica in its fleet: the loop of heartbeats and what changes it. Nothing that becomes of the router is ever more than a line in the log.
import { failed, post, type Exchanged } from "./exchange.ts";
import { InFlight } from "./in-flight.ts";
import { LIMITS } from "./limits.ts";
import { FleetOptionError, type Advice, type FleetOptions } from "./options.ts";
import { pauseAfterAnswer, pauseAfterFailure } from "./pace.ts";
import { presentHints, reportOf, type Status } from "./report.ts";
import { Notices } from "./notices.ts";
import { HeartbeatSocket } from "./socket.ts";
import { firstOf, pause, withResolvers } from "./waits.ts";

export interface DrainOptions {
  /** How long to wait for running requests, in milliseconds. Absent: 30,000. */
  readonly withinMs?: number | undefined;
  /** Asked beside the client's own count: whether the server behind it is idle. */
  readonly isIdle?: (() => boolean | Promise<boolean>) | undefined;
}

export class FleetMember {
  readonly options: FleetOptions;
  readonly #inFlight = new InFlight();
  readonly #socket: HeartbeatSocket | null;
  readonly #log: (line: string) => void;
  readonly #notices: Notices;
  readonly #joined = withResolvers();
  readonly #ended = withResolvers();
  #incarnation = Date.now();
  #sequence = 0;
  #status: Status;
  #hints: readonly string[] | null = null;
  #countsRequests = false;
  #intervalMs: number = LIMITS.firstIntervalMs;
  #failures = 0;
  #problem: string | null = null;
  #beatAtMs = -Infinity;
  #wake: (() => void) | null = null;
  #isWoken = false;
  #isFollowing = false;
  #beating = new AbortController();
  readonly #accepted: (() => void)[] = [];
  #stopping: Promise<boolean> | null = null;

  /** Begins at once. The options have been checked. */
  constructor(options: FleetOptions) {
    this.options = { ...options };
    this.#status = options.status ?? "ready";
    // oxlint-disable-next-line no-console
    this.#log = options.log ?? ((line) => console.error(`warmpath: ${line}`));
    this.#notices = new Notices(this.#log);
    const on = { beatNow: () => this.#wakeNow(), lost: () => void this.#afterLoss() };
    this.#socket = options.transport === "websocket" ? new HeartbeatSocket(options, on) : null;
    void this.#loop();
  }

  /** Resolves when the router has accepted a heartbeat for the first time, and when the replica is stopped before that. */
  get joined(): Promise<void> {
    return this.#joined.promise;
  }

  get status(): Status {
    return this.#status;
  }

  /** Why the last heartbeat was not accepted; null: it was, or none was sent yet. */
  get problem(): string | null {
    return this.#problem;
  }

  /** Requests being served, by the handlers' count. */
  get inFlight(): number {
    return this.#inFlight.count;
  }

  /** What the replica holds now, as it is sent; null: it does not specialise. */
  get hints(): readonly string[] | null {
    return this.#readHints();
  }

  /** The value of `X-Fal-Runner-Hints` for an answer; null: the answer should have none. */
  get hintsHeader(): string | null {
    return this.#readHints()?.join(",") ?? null;
  }

  /** Something that a heartbeat says has changed. One is sent at once, or 0.1 s after the last such. */
  changed(): void {
    this.#wakeNow();
  }

  /** Ends `starting`, and a drain: the replica gets requests again. */
  ready(): void {
    this.#become("ready");
  }

  /** The server behind this client has a new process: what the router knew of the old one, such as failures, is over. */
  restarted(): void {
    this.#incarnation = Math.max(Date.now(), this.#incarnation + 1);
    this.#wakeNow();
  }

  /** Counts a request that no handler of this client serves, such as a WebSocket. Call what it gives when the request is over. */
  begin(): () => void {
    this.#countsRequests = true;
    return this.#inFlight.begin();
  }

  /**
   * The replica gets nothing new. Resolves when nothing is being served, with true, or after `withinMs` or with `stop()`, with false. It goes on sending
   * heartbeats, until `stop()` or `ready()`. Throws a FleetOptionError if `withinMs` is none.
   */
  async drain({ withinMs = LIMITS.drainMs, isIdle }: DrainOptions = {}): Promise<boolean> {
    if (!(withinMs >= 0 && withinMs <= LIMITS.drainMostMs)) {
      throw new FleetOptionError("withinMs", `must be milliseconds from 0 to ${LIMITS.drainMostMs}`);
    }
    const untilMs = performance.now() + withinMs;
    const leftMs = (mostMs: number) => Math.min(untilMs - performance.now(), mostMs);
    if (!this.#isStopped()) {
      this.#become("draining");
      this.#wakeNow();
      // A router that is away is told later, and gives nothing meanwhile.
      await firstOf(this.#nextAccepted(), leftMs(LIMITS.answerMs));
      await pause(leftMs(this.#settleMs()), true).over;
    }
    for (;;) {
      await firstOf(Promise.race([this.#inFlight.idle(), this.#ended.promise]), leftMs(Infinity));
      if (this.#inFlight.count === 0 && (this.#isStopped() || ((await isIdle?.()) ?? true))) return true;
      if (this.#isStopped() || performance.now() >= untilMs) return false;
      await pause(leftMs(LIMITS.drainPollMs), true).over;
    }
  }

  /** Says that the replica ends, for 2 s at most. Resolves with whether the router has heard. Again: the same. Never fails. */
  stop(): Promise<boolean> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<boolean> {
    this.#status = "stopped";
    this.#beating.abort();
    this.#wakeNow();
    // The loop's own pauses do not keep a process that has nothing else to do.
    await firstOf(this.#ended.promise, LIMITS.goodbyeMs);
    const result = await post(this.options, this.#nextReport(), AbortSignal.timeout(LIMITS.goodbyeMs));
    this.#socket?.close();
    this.#joined.resolve();
    if (!result.ok) this.#log(`the router was not told of the end: ${result.problem}`);
    return result.ok;
  }

  async #loop(): Promise<void> {
    while (!this.#isStopped()) {
      this.#isWoken = false;
      this.#beatAtMs = performance.now();
      const result = await this.#beat();
      if (this.#isStopped()) break;
      const pauseMs = this.#take(result);
      await this.#rest(pauseMs);
    }
    this.#ended.resolve();
  }

  async #beat(): Promise<Exchanged> {
    this.#beating = new AbortController();
    const timeout = AbortSignal.any([this.#beating.signal, AbortSignal.timeout(LIMITS.answerMs)]);
    try {
      const report = this.#nextReport();
      const overSocket = await this.#socket?.exchange(report, timeout, performance.now(), Math.random());
      if (overSocket !== null && overSocket !== undefined) return overSocket;
      // A frame may have arrived though its answer did not: the same report again would be refused as an old one.
      const again = this.#socket === null ? report : { ...report, sequence: ++this.#sequence };
      return await post(this.options, again, AbortSignal.any([this.#beating.signal, AbortSignal.timeout(LIMITS.answerMs)]));
    } catch (error) {
      return failed(`it could not be made: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  #nextReport() {
    const { inFlight } = this.options;
    const ownCount = this.#countsRequests ? this.#inFlight.count : null;
    return reportOf(this.options, {
      incarnation: this.#incarnation,
      sequence: ++this.#sequence,
      status: this.#status,
      inFlight: inFlight === undefined ? ownCount : (inFlight?.() ?? null),
      hints: this.#readHints(),
    });
  }

  /** Learns from the answer, and gives the pause until the next heartbeat. */
  #take(result: Exchanged): number {
    if (!result.ok) {
      this.#problem = result.problem;
      this.#notices.tell("heartbeats", `no heartbeat is accepted: ${result.problem}`);
      return pauseAfterFailure(this.#intervalMs, ++this.#failures, result.retryAfterMs, Math.random());
    }
    const { next_heartbeat_ms: nextMs, warnings = [], load = [], evict = [] } = result.reply;
    this.#notices.tell("heartbeats", null, "heartbeats are accepted again");
    this.#notices.tell(
      "warnings",
      warnings.length === 0 ? null : `the router warns: ${warnings.join("; ")}`,
      "the router warns: no more",
    );
    this.#failures = 0;
    this.#problem = null;
    this.#intervalMs = pauseAfterAnswer(nextMs, 0);
    this.#joined.resolve();
    if (load.length > 0 && this.#status === "ready") void this.#follow({ load, evict });
    // What changed while this report was under way is in the next one.
    if (!this.#isWoken) for (const resolve of this.#accepted.splice(0)) resolve();
    return pauseAfterAnswer(nextMs, Math.random());
  }

  /** What was evicted for the load is told while the load goes on, and the load when it is over. Other advice that comes meanwhile is ignored. */
  async #follow(advice: Advice): Promise<void> {
    const { onAdvice } = this.options;
    if (onAdvice === undefined || this.#isFollowing) return;
    this.#isFollowing = true;
    try {
      const following = onAdvice(advice);
      this.#wakeNow();
      await following;
      this.#notices.tell("advice", null);
    } catch (error) {
      this.#notices.tell("advice", `advice could not be followed: ${error instanceof Error ? error.message : String(error)}`);
    }
    this.#isFollowing = false;
    this.#wakeNow();
  }

  /** The pause, which a change ends early. */
  async #rest(pauseMs: number): Promise<void> {
    if (!this.#isWoken) {
      const its = pause(pauseMs);
      this.#wake = its.end;
      await its.over;
      this.#wake = null;
    }
    if (!this.#isWoken || this.#isStopped()) return;
    await pause(this.#beatAtMs + LIMITS.changeGapMs - performance.now()).over;
  }

  #become(status: Status): void {
    if (this.#isStopped() || this.#status === status) return;
    this.#status = status;
    this.#wakeNow();
  }

  #wakeNow(): void {
    this.#isWoken = true;
    this.#wake?.();
  }

  /** All replicas lose their WebSockets at once when the router's object restarts, and should not come back at once. */
  async #afterLoss(): Promise<void> {
    await pause(LIMITS.reopenMs * Math.random()).over;
    this.#wakeNow();
  }

  /** Resolves when the router has accepted a heartbeat that says what is the case now. */
  #nextAccepted(): Promise<void> {
    return new Promise((resolve) => this.#accepted.push(resolve));
  }

  #isStopped(): boolean {
    return this.#status === "stopped";
  }

  #settleMs(): number {
    const { concurrency = 1 } = this.options;
    return (typeof concurrency === "function" ? concurrency() : concurrency) >= LIMITS.wideConcurrency ? LIMITS.settleMs : 0;
  }

  /** If the option's function fails, what it gave before goes on. */
  #readHints(): readonly string[] | null {
    try {
      const { hints, faults } = presentHints(this.options);
      this.#hints = hints;
      this.#notices.tell("hints", faults[0] ?? null, null);
    } catch (error) {
      this.#notices.tell("hints", `the hints can't be read: ${error instanceof Error ? error.message : String(error)}`);
    }
    return this.#hints;
  }
}
