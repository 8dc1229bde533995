// The router under test with its fleet, and whether all is as it should be after a batch of inputs.
import { TestRouter, TOKEN, type AppView } from "../support/router.ts";
import { until } from "../support/until.ts";
import { knownReport } from "./heartbeat-odd.ts";
import { APPS, BEATS_ORIGIN, SCRATCH_TOKEN } from "./input.ts";
import type { Result } from "./lane.ts";
import { isAllowed } from "./outcome.ts";
import { RecordingReplica } from "./replica.ts";

const TOKENS = { target: TOKEN, bystander: TOKEN, beats: TOKEN, scratch: [TOKEN, SCRATCH_TOKEN] };
const SETTINGS = {
  HEARTBEAT_TOKENS: JSON.stringify(TOKENS),
  HEARTBEAT_RATE_MAX: "100000",
  QUEUE_TIMEOUT_MS: "20000",
  RETRY_BODY_MAX_BYTES: "100000",
  HINT_FROM_PATH: "*/models/{hint}/*",
  HINT_FROM_QUERY: "model",
  HINT_FROM_JSON: "model",
  HINT_ALIASES: JSON.stringify({ alias: "sdxl" }),
  NO_SLOT: "*/slotless",
};
/** More than can be on the way at once, so that nothing waits. */
const CONCURRENCY = 10_000;
/**
 * What the runtime itself says: of CONNECT, for which a Worker has no answer, of bytes after a handshake that are no frames, and when it
 * collects what a request left that ended with its connection.
 */
const LOGGED_BY_RUNTIME =
  /WebSocket protocol error|Received a connect event|does not export a connect\(\) function|An RPC stub was not disposed properly/;

/** What the router says of each request that no replica answered, and what the client of one may see. */
const LOGGED_UNANSWERED = '"message":"a request was not answered"';
const UNANSWERED = /^(502 runner_disconnected|closed|hung)/;

/** The router has ended, or answers nobody. */
export const CRASH = "crash: the router does not answer";

/** What the router is asked after each batch. */
const ALIVE = "/alive";

/** Leaves of what the router says of its fleets. */
type State = ReadonlyMap<string, string>;

export class World implements AsyncDisposable {
  readonly router: TestRouter;
  readonly #replicas: ReadonlyMap<string, RecordingReplica>;
  #before: State = new Map();

  private constructor(router: TestRouter, replicas: ReadonlyMap<string, RecordingReplica>) {
    this.router = router;
    this.#replicas = replicas;
  }

  static async start(): Promise<World> {
    const router = await TestRouter.start(SETTINGS);
    const replicas = new Map<string, RecordingReplica>();
    for (const id of [APPS.target, APPS.bystander]) replicas.set(id, await RecordingReplica.start());
    const world = new World(router, replicas);
    await world.#beat();
    await world.#beat({ app: "scratch", replica: "s0", origin: "http://127.0.0.1:9" });
    world.#before = await world.#state();
    return world;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.router[Symbol.asyncDispose]();
    for (const replica of this.#replicas.values()) await replica[Symbol.asyncDispose]();
  }

  /** What is wrong after a batch, in words that are the same whichever input was to blame; forgets the batch. */
  async faults(results: readonly Result[]): Promise<string[]> {
    try {
      return await this.#faults(results);
    } catch {
      return [CRASH];
    }
  }

  async #faults(results: readonly Result[]): Promise<string[]> {
    const faults = [...this.#arrivals(results), ...this.#logged(results)];
    faults.push(...(await this.#idle()));
    const state = await this.#state();
    for (const place of differences(this.#before, state)) faults.push(`state: ${place} changed`);
    this.#before = state;
    faults.push(...(await this.#alive()));
    await this.#beat();
    this.router.log.length = 0;
    return [...new Set(faults)];
  }

  /** Requests that a replica got though no input was for it, twice, or with another target. */
  #arrivals(results: readonly Result[]): string[] {
    const byNumber = new Map(
      results.flatMap(({ input }) => (input.marked === null ? [] : [[String(input.marked.number), input]])),
    );
    const again = new Set(results.flatMap(({ input, again }) => (again ? [String(input.marked?.number)] : [])));
    const faults: string[] = [];
    for (const [id, replica] of this.#replicas) {
      const seen = new Set<string>();
      let unmarked = 0;
      for (const { mark, target } of replica.take()) {
        const input = byNumber.get(mark);
        if (input === undefined || input.marked === null) {
          if (target !== ALIVE) unmarked++;
          continue;
        }
        if (!isAllowed(input, `200 from ${id}`)) faults.push(`arrival: ${id} got a request of kind ${input.kind}`);
        if (input.marked.target !== target) faults.push(`arrival: target ${target} instead of ${input.marked.target}`);
        if (seen.has(mark) && !again.has(mark)) faults.push(`arrival: ${id} got a request of kind ${input.kind} twice`);
        seen.add(mark);
      }
      if (unmarked > possibleAt(id, results)) faults.push(`arrival: ${id} got a request that no input is`);
    }
    return faults;
  }

  #logged(results: readonly Result[]): string[] {
    let unanswered = results.flatMap(({ outcomes }) => outcomes).filter((outcome) => UNANSWERED.test(outcome)).length;
    const lines = this.router.faults.filter(
      (line) => !LOGGED_BY_RUNTIME.test(line) && !(line.includes(LOGGED_UNANSWERED) && unanswered-- > 0),
    );
    return lines.map((line) => `log: ${line.replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "ID").slice(0, 240)}`);
  }

  /** Every slot comes back, and nobody is left waiting. */
  async #idle(): Promise<string[]> {
    const faults: string[] = [];
    for (const app of Object.keys(APPS)) {
      try {
        await until(`${app} is idle`, async () => {
          const { waiting, in_flight: inFlight } = await this.router.view(app);
          return waiting === 0 && inFlight === 0;
        });
      } catch (error) {
        faults.push(`slots: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    return faults;
  }

  /** Apps and fleets as the router sees them, but for what time and traffic change. */
  async #state(): Promise<State> {
    const { apps } = (await this.router.admin("/-/apps")).json<{ apps: { app: string }[] }>();
    const known = apps.map(({ app }) => app).filter((app) => app !== "scratch");
    const values = flat("apps", known.join(" "));
    for (const app of Object.keys(APPS)) values.push(...flat(app, steady(app, await this.router.view(app))));
    return new Map(values);
  }

  async #alive(): Promise<string[]> {
    const faults: string[] = [];
    for (const app of ["target", "bystander"] as const) {
      const id = APPS[app];
      const { status, headers, text } = await this.router.send(`/${app}${ALIVE}`);
      if (status !== 200 || headers["x-fal-served-from"] !== id) faults.push(`alive: ${app} answers ${status} ${text}`);
    }
    return faults;
  }

  /** What the replicas always say; without it they would be gone after three minutes. */
  async #beat(other?: { readonly app: string; readonly replica: string; readonly origin: string }): Promise<void> {
    if (other !== undefined) return void (await this.router.join(other));
    for (const [app, replica] of Object.entries(APPS)) {
      const origin = this.#replicas.get(replica)?.origin ?? BEATS_ORIGIN;
      await this.router.join(app === "beats" ? knownReport() : { app, replica, origin, concurrency: CONCURRENCY });
    }
  }
}

/** `target` is asked for hints, and so is believed to hold some. */
function steady(app: string, { replicas, counters, ...rest }: AppView): object {
  const { granted: _, cold: _cold, ...failures } = counters;
  const its = replicas.map((replica) => {
    const { expires_in_ms: _, served: _served, ...kept } = replica as (typeof replicas)[number] & { expires_in_ms: number };
    return app === "target" ? { ...kept, hints: null, loading: null, hints_held: null } : kept;
  });
  return { ...rest, counters: failures, replicas: its };
}

/** How many requests without a number may have reached the replica: those that it answered, and those whose answer is not known. */
function possibleAt(id: string, results: readonly Result[]): number {
  const open = results.filter(({ input }) => input.marked === null && isAllowed(input, `200 from ${id}`));
  return open
    .flatMap(({ outcomes }) => outcomes)
    .filter((outcome) => /^(closed|hung|malformed|502)/.test(outcome) || outcome.endsWith(` from ${id}`)).length;
}

/** Which values differ, by their places. */
function differences(before: State, after: State): string[] {
  const names = new Set([...before.keys(), ...after.keys()]);
  return [...names].filter((name) => before.get(name) !== after.get(name));
}

/** A value's leaves by their places, as text. */
function flat(place: string, value: unknown): [string, string][] {
  if (typeof value !== "object" || value === null) return [[place, JSON.stringify(value)]];
  return Object.entries(value).flatMap(([name, inner]) => flat(`${place}.${name}`, inner));
}
