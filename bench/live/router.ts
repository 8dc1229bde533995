// The built router on workerd with a state folder of its own: started, killed and started again on the same state, asked what it believes.
import { randomBytes, randomInt } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { SERVICE, startRouter, type RouterOptions, type RouterProcess } from "../../scripts/router-process.ts";
import { heapBytesCollected, residentMib } from "./machine.ts";

/** `inspect`: without it `retained` throws. */
export interface LiveRouterOptions extends Pick<RouterOptions, "bundle" | "log" | "inspect"> {
  /** Begins the name of the state folder in the system's folder for temporary files. */
  readonly name: string;
  /** Beside HEARTBEAT_TOKENS and ADMIN_TOKEN, which are made here. */
  readonly settings: Readonly<Record<string, string>>;
}

export type RetainedMib = Awaited<ReturnType<LiveRouter["retained"]>>;

/** The parts of the admin view that runs look at. */
export interface AppView {
  readonly waiting: number;
  readonly in_flight: number;
  readonly counters: Readonly<Record<string, number | Readonly<Record<string, number>>>>;
  readonly replicas: readonly SeenReplica[];
}

interface SeenReplica {
  readonly replica: string;
  readonly incarnation: number;
  readonly status: string;
  readonly drained: boolean;
  readonly in_flight: number;
  readonly ejected_for_ms: number;
  readonly on_probation?: boolean;
}

const START = { attempts: 5, againMs: 200 };
/** Below the ports that the system gives to outgoing connections: one of those could take it during a restart. */
const PORTS = { first: 20_000, count: 12_000 } as const;
const ADMIN_TIMEOUT_MS = 10_000;
const BUSY_EVERY_MS = 50;
const MEBIBYTE = 1024 * 1024;

export class LiveRouter implements AsyncDisposable {
  readonly token = randomBytes(16).toString("hex");
  /** Stays the same over restarts. */
  port = 0;
  readonly #adminToken = randomBytes(16).toString("hex");
  readonly #options: LiveRouterOptions;
  readonly #folder: string;
  readonly #failure = new AbortController();
  #process: RouterProcess | null = null;
  #restarting: Promise<void> | null = null;

  private constructor(options: LiveRouterOptions) {
    this.#options = options;
    this.#folder = mkdtempSync(path.join(tmpdir(), `warmpath-${options.name}-`));
  }

  static async start(options: LiveRouterOptions): Promise<LiveRouter> {
    const router = new LiveRouter(options);
    try {
      await router.#start(() => PORTS.first + randomInt(PORTS.count));
      return router;
    } catch (error) {
      await router[Symbol.asyncDispose]();
      throw error;
    }
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Process id of workerd; null while it is down. */
  get pid(): number | null {
    return this.#process?.pid ?? null;
  }

  /** Aborted when workerd ends although nobody killed it. */
  get failure(): AbortSignal {
    return this.#failure.signal;
  }

  /** SIGKILL. Connections break, nobody is told, the state stays on disk. */
  async kill(): Promise<void> {
    const running = this.#process;
    this.#process = null;
    await running?.stop();
  }

  /** Starts again after `kill`, with the same state, port and settings, unless somebody else has started it meanwhile. */
  async restart(): Promise<void> {
    if (this.#process !== null) return;
    this.#restarting ??= this.#start(() => this.port).finally(() => (this.#restarting = null));
    await this.#restarting;
  }

  /** The fleet as the router believes it to be; null: it has no replicas, or the router gave no answer now. */
  async view(app: string): Promise<AppView | null> {
    try {
      const response = await this.admin(`/-/apps/${encodeURIComponent(app)}`);
      const text = await response.text();
      return response.status === 200 ? (JSON.parse(text) as AppView) : null;
    } catch {
      return null;
    }
  }

  /**
   * Collects garbage, and says what is left in the isolate, array buffers included, and of the whole process. For moments in which nothing is
   * under way.
   */
  async retained() {
    const { inspectorPort = null, pid = null } = this.#process ?? {};
    if (inspectorPort === null) throw new Error("the router is down, or was not started with `inspect`");
    // An idle isolate does not hear its inspector.
    const busy = setInterval(() => void this.view("none"), BUSY_EVERY_MS);
    try {
      const heapBytes = await heapBytesCollected(inspectorPort, SERVICE);
      return { heap_mib: heapBytes / MEBIBYTE, resident_mib: residentMib(pid) ?? 0 };
    } finally {
      clearInterval(busy);
    }
  }

  /** An administrator's call. */
  admin(target: string, method = "GET"): Promise<Response> {
    const headers = { authorization: `Bearer ${this.#adminToken}` };
    return fetch(this.url + target, { method, headers, signal: AbortSignal.timeout(ADMIN_TIMEOUT_MS) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #start(portOf: () => number): Promise<void> {
    const { name: _, settings, ...options } = this.#options;
    const tokens = { HEARTBEAT_TOKENS: this.token, ADMIN_TOKEN: this.#adminToken };
    for (let attempt = 1; this.#process === null; attempt++) {
      try {
        const its = { port: portOf(), stateFolder: this.#folder, settings: { ...settings, ...tokens } };
        this.#process = await startRouter({ ...options, ...its });
      } catch (error) {
        if (attempt === START.attempts) throw error;
        await sleep(START.againMs);
      }
    }
    const started = this.#process;
    this.port = started.port;
    void started.ended.then(() => {
      if (this.#process === started) this.#failure.abort(new Error("workerd ended"));
    });
  }
}
