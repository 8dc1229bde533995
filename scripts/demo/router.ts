// The demo's router: its address, its secrets, and what an administrator asks it.
import { randomBytes } from "node:crypto";
import { SIMULATED_LOAD_MS } from "../../examples/any-model/models.ts";
import { printTrouble, startRouter, type RouterProcess } from "../router-process.ts";

export interface FleetView {
  readonly replicas: readonly {
    readonly replica: string;
    readonly status: string;
    readonly served: number;
    readonly hints: readonly string[] | null;
  }[];
}

const ADMIN_WITHIN_MS = 10_000;

export class RunningRouter implements AsyncDisposable {
  readonly url: string;
  /** Where clients send requests. */
  readonly appUrl: string;
  /** The fleet, for an administrator. */
  readonly fleetUrl: string;
  readonly heartbeatToken: string;
  readonly adminToken: string;
  readonly #process: RouterProcess;

  private constructor(process: RouterProcess, heartbeatToken: string, adminToken: string) {
    this.#process = process;
    this.url = process.url;
    this.appUrl = `${process.url}/any-model/`;
    this.fleetUrl = `${process.url}/-/apps/any-model`;
    this.heartbeatToken = heartbeatToken;
    this.adminToken = adminToken;
  }

  /** `port` 0: any free one. */
  static async start(port: number, stateFolder: string): Promise<RunningRouter> {
    const [heartbeatToken, adminToken] = [secret(), secret()];
    const settings = {
      HEARTBEAT_TOKENS: heartbeatToken,
      ADMIN_TOKEN: adminToken,
      ALLOW_PRIVATE_ORIGINS: "true",
      COLD_START_MS: String(SIMULATED_LOAD_MS),
    };
    const process = await startRouter({ port, stateFolder, settings, log: printTrouble });
    return new RunningRouter(process, heartbeatToken, adminToken);
  }

  /** When the process has ended, for whatever reason. */
  get ended(): Promise<void> {
    return this.#process.ended;
  }

  /** The fleet as the router believes it to be; null before the first heartbeat. */
  async fleet(): Promise<FleetView | null> {
    const response = await this.#ask("GET", "");
    const body = (await response.json()) as FleetView;
    return response.ok ? body : null;
  }

  /** As an administrator. Throws if the router does not know the replica. */
  async change(how: "drain" | "undrain", replica: string): Promise<void> {
    const response = await this.#ask("POST", `/replicas/${replica}/${how}`);
    await response.arrayBuffer();
    if (!response.ok) throw new Error(`${how} ${replica}: the router answers ${response.status}`);
  }

  #ask(method: string, path: string): Promise<Response> {
    const headers = { authorization: `Bearer ${this.adminToken}` };
    return fetch(`${this.fleetUrl}${path}`, { method, headers, signal: AbortSignal.timeout(ADMIN_WITHIN_MS) });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#process.stop();
  }
}

function secret(): string {
  return randomBytes(16).toString("hex");
}
