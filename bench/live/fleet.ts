// A live fleet: the built router on workerd, and replicas in this process that serve and report to it.
import { setTimeout as sleep } from "node:timers/promises";
import { keptConnections } from "./client.ts";
import { Member, type Beat } from "./member.ts";
import { LiveReplica } from "./replica.ts";
import { LiveRouter, type LiveRouterOptions } from "./router.ts";
import type { Way } from "./records.ts";
import type { ReplicaOptions } from "./service.ts";

export interface FleetOptions extends LiveRouterOptions {
  readonly replicas: readonly ReplicaOptions[];
  /** How often replicas report, whatever the router asks for. */
  readonly heartbeatMs: number;
  readonly oneByOne?: boolean;
  /** Disturbed reports are drawn from it. */
  readonly seed: number;
  readonly onBeat?: (beat: Beat) => void;
  /** Aborted by an interruption. */
  readonly signal: AbortSignal;
}

/** What an app still holds by the router's view (-1: the router does not say), and what runs by the replicas' own count. */
export interface Held {
  readonly app: string;
  readonly waiting: number;
  readonly in_flight: number;
  readonly running: number;
}

const POLL_MS = 100;
const WHOLE_WITHIN_MS = 20_000;

export class Fleet implements AsyncDisposable {
  readonly router: LiveRouter;
  readonly members: Member[] = [];
  /** Aborted when the run is over: interrupted, without a router, or done. */
  readonly signal: AbortSignal;
  readonly #clients = keptConnections();
  readonly #reports = keptConnections();
  readonly #over = new AbortController();

  private constructor(router: LiveRouter, signal: AbortSignal) {
    this.router = router;
    this.signal = AbortSignal.any([signal, router.failure, this.#over.signal]);
  }

  /** Every replica has sent its first report when this returns. The replicas' next reports are spread over an interval. */
  static async start({
    replicas,
    heartbeatMs,
    oneByOne = false,
    seed,
    onBeat = () => {},
    signal,
    ...options
  }: FleetOptions): Promise<Fleet> {
    await using started = new AsyncDisposableStack();
    const settings = { ALLOW_PRIVATE_ORIGINS: "true", ...options.settings };
    const fleet = started.use(new Fleet(await LiveRouter.start({ ...options, settings }), signal));
    for (const [index, shape] of replicas.entries()) {
      const replica = await LiveReplica.start(shape);
      const its = { router: fleet.router, agent: fleet.#reports, everyMs: heartbeatMs, oneByOne, seed: seed + index, onBeat };
      const member = new Member(replica, its);
      fleet.members.push(member);
      await member.beat();
    }
    for (const [index, member] of fleet.members.entries()) void member.keepBeating((heartbeatMs * (index + 1)) / replicas.length);
    started.move();
    return fleet;
  }

  get #apps(): readonly string[] {
    return [...new Set(this.members.map(({ replica }) => replica.options.app))];
  }

  of(app: string): readonly Member[] {
    return this.members.filter(({ replica }) => replica.options.app === app);
  }

  member(app: string, id: string): Member {
    const found = this.of(app).find(({ replica }) => replica.options.replica === id);
    if (found === undefined) throw new Error(`there is no replica ${id} of ${app}`);
    return found;
  }

  way(patienceMs: number, port = this.router.port): Way {
    return { port, agent: this.#clients, patienceMs, signal: this.signal };
  }

  /** Takes a sample every so often, as long as the run lasts. */
  async sample(everyMs: number, take: () => Promise<void>): Promise<void> {
    for (;;) {
      await sleep(everyMs, undefined, { signal: this.signal }).catch(() => {});
      if (this.signal.aborted) return;
      await take();
    }
  }

  /** Waits until the router lists every replica as ready. `trusted`: and on no probation. Gives what is missing if the time is over. */
  async whole(trusted = false): Promise<readonly string[]> {
    const missing = async () => Promise.all(this.#apps.map((app) => this.#missing(app, trusted)));
    return this.#until(WHOLE_WITHIN_MS, async () => (await missing()).flat());
  }

  /** Waits until nothing waits and nothing runs. Gives what apps hold if the time is over. */
  async empty(withinMs: number): Promise<readonly Held[]> {
    return this.#until(withinMs, async () => {
      const held = await Promise.all(this.#apps.map((app) => this.#heldBy(app)));
      return held.filter(({ waiting, in_flight, running }) => waiting !== 0 || in_flight !== 0 || running !== 0);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort(new Error("the run is over"));
    for (const member of this.members) member[Symbol.dispose]();
    await Promise.all(this.members.map(({ replica }) => replica[Symbol.asyncDispose]()));
    this.#clients.destroy();
    this.#reports.destroy();
    await this.router[Symbol.asyncDispose]();
  }

  async #until<T>(withinMs: number, left: () => Promise<readonly T[]>): Promise<readonly T[]> {
    const deadlineMs = performance.now() + withinMs;
    for (;;) {
      const still = await left();
      if (still.length === 0 || performance.now() > deadlineMs) return still;
      await sleep(POLL_MS, undefined, { signal: this.signal });
    }
  }

  async #missing(app: string, trusted: boolean): Promise<string[]> {
    const view = await this.router.view(app);
    return this.of(app).flatMap(({ replica: { incarnation, options } }) => {
      const seen = view?.replicas.find(({ replica }) => replica === options.replica);
      const name = `${app} ${options.replica}`;
      if (seen === undefined) return [`${name} is not listed`];
      if (seen.incarnation !== incarnation) return [`${name} is listed with an incarnation of before`];
      if (seen.status !== "ready" || seen.drained) return [`${name} is ${seen.drained ? "drained" : seen.status}`];
      const passedOver = seen.ejected_for_ms > 0 || (trusted && seen.on_probation === true);
      return passedOver ? [`${name} is passed over`] : [];
    });
  }

  async #heldBy(app: string): Promise<Held> {
    const view = await this.router.view(app);
    const running = this.of(app).reduce((sum, { replica }) => sum + replica.inFlight, 0);
    return { app, waiting: view?.waiting ?? -1, in_flight: view?.in_flight ?? -1, running };
  }
}
