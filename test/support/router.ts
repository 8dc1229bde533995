// The built Worker on plain workerd for one test file, with a state folder of its own, and the calls that tests make to it.
import { mkdtempSync, rmSync } from "node:fs";
import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { startRouter, type RouterProcess } from "../../scripts/router-process.ts";
import { ownOrigin } from "./replica.ts";

export const TOKEN = "beat-token";
export const ADMIN = "admin-token";

/** Development settings under which loopback replicas are admitted and live for three minutes without a heartbeat. */
const SETTINGS = {
  HEARTBEAT_TOKENS: TOKEN,
  ADMIN_TOKEN: ADMIN,
  ALLOW_PRIVATE_ORIGINS: "true",
  HEARTBEAT_INTERVAL_MS: "60000",
} as const;

export interface Reply {
  readonly status: number;
  readonly statusText: string;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
  readonly text: string;
  json<T = Record<string, unknown>>(): T;
}

export interface Sending {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string | Uint8Array;
}

export type Beat = Record<string, unknown> & { readonly app: string; readonly replica: string };

export class TestRouter implements AsyncDisposable {
  readonly log: string[] = [];
  readonly #settings: Record<string, string>;
  readonly #folder = mkdtempSync(path.join(tmpdir(), "warmpath-test-"));
  readonly #bundle: string | undefined;
  #process: RouterProcess | null = null;

  private constructor(settings: Record<string, string>, bundle?: string) {
    this.#settings = { ...SETTINGS, ...settings };
    this.#bundle = bundle;
  }

  /** `bundle`: another Worker than the deployed one. */
  static async start(settings: Record<string, string> = {}, bundle?: string): Promise<TestRouter> {
    const router = new TestRouter(settings, bundle);
    await router.#start(0);
    return router;
  }

  get url(): string {
    return this.process.url;
  }

  get port(): number {
    return this.process.port;
  }

  get process(): RouterProcess {
    if (this.#process === null) throw new Error("the router is not running");
    return this.#process;
  }

  /** The log without the lines of events, which are no faults. */
  get faults(): readonly string[] {
    return this.log.filter((line) => !line.includes('"message":"event"'));
  }

  get stateFolder(): string {
    return this.#folder;
  }

  /** Kills the process and starts it again on the same state folder and port; with other settings where they are given. */
  async restart(whileDown: () => Promise<void> = async () => {}, settings: Record<string, string> = {}): Promise<void> {
    Object.assign(this.#settings, settings);
    const { port } = this;
    await this.process.stop();
    await whileDown();
    await this.#start(port);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process?.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** One request whose target goes out exactly as written; the whole response. */
  send(target: string, { method = "GET", headers = {}, body }: Sending = {}): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const outgoing = httpRequest(
        { host: "127.0.0.1", port: this.port, path: target, method, headers: headers as Record<string, string>, agent: false },
        (incoming) => {
          const chunks: Buffer[] = [];
          incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
          incoming.on("error", reject);
          incoming.on("end", () => {
            const all = Buffer.concat(chunks);
            resolve({
              status: incoming.statusCode ?? 0,
              statusText: incoming.statusMessage ?? "",
              headers: incoming.headers,
              rawHeaders: incoming.rawHeaders,
              body: all,
              text: all.toString(),
              json: <T>() => JSON.parse(all.toString()) as T,
            });
          });
        },
      );
      outgoing.on("error", reject);
      outgoing.end(body);
    });
  }

  /** POSTs a heartbeat and gives the raw answer. */
  beat(beat: unknown, headers: Record<string, string> = { authorization: `Bearer ${TOKEN}` }): Promise<Reply> {
    return this.send("/-/heartbeat", {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: typeof beat === "string" ? beat : JSON.stringify(beat),
    });
  }

  /** A heartbeat that must be accepted. Replicas that share a test's server are reached by a port each. */
  async join(beat: Beat & { readonly origin: string }): Promise<{ time_to_live_ms: number; next_heartbeat_ms: number }> {
    const reply = await this.beat({ ...beat, origin: await ownOrigin(beat.origin, beat.app, beat.replica) });
    if (reply.status !== 200) throw new Error(`the heartbeat was refused: ${reply.status} ${reply.text}`);
    return reply.json();
  }

  admin(target: string, method = "GET"): Promise<Reply> {
    return this.send(target, { method, headers: { authorization: `Bearer ${ADMIN}` } });
  }

  /** The fleet as the router believes it to be. */
  async view(app: string): Promise<AppView> {
    return (await this.admin(`/-/apps/${encodeURIComponent(app)}`)).json<AppView>();
  }

  async #start(port: number): Promise<void> {
    this.#process = await startRouter({
      port,
      stateFolder: this.#folder,
      settings: this.#settings,
      ...(this.#bundle !== undefined && { bundle: this.#bundle }),
      log: (line) => this.log.push(line),
    });
  }
}

export interface AppView {
  readonly waiting: number;
  readonly in_flight: number;
  readonly waiting_high: number;
  readonly waiting_low: number;
  readonly counters: {
    readonly cold: number;
    readonly left: number;
    readonly ejected: number;
    readonly granted: Readonly<Record<string, number>>;
    readonly refused: Readonly<Record<string, number>>;
    readonly failed: Readonly<Record<string, number>>;
  };
  readonly replicas: readonly {
    readonly replica: string;
    readonly origin: string;
    readonly incarnation: number;
    readonly sequence: number | null;
    readonly hints: readonly string[] | null;
    readonly hint_slots: number | null;
    readonly loading: readonly string[];
    readonly in_flight: number;
    readonly served: number;
    readonly status: string;
    readonly drained: boolean;
    readonly concurrency: number;
    readonly ejected_for_ms: number;
    readonly ejections: number;
    readonly on_probation: boolean;
    readonly last_error: { readonly kind: string; readonly detail: string; readonly ago_ms: number } | null;
    readonly expires_in_ms: number;
  }[];
}
