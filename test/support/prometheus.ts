// A real Prometheus as a child process, with a folder of its own. Debian's package `prometheus` has both programs.
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { freePort } from "./free-port.ts";
import { UNTIL_STARTER_ENDS } from "../../scripts/router-process.ts";
import { until } from "./until.ts";

/** Whether Prometheus is installed. If REQUIRE_PROMETHEUS is set, as in CI, it must be. */
export function hasPrometheus(): boolean {
  const isThere = ["prometheus", "promtool"].every((program) => spawnSync(program, ["--version"]).error === undefined);
  if (!isThere && process.env["REQUIRE_PROMETHEUS"] === "1")
    throw new Error("REQUIRE_PROMETHEUS is set, and prometheus or promtool is missing");
  return isThere;
}

export interface Scraped {
  readonly port: number;
  readonly token: string;
}

interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [at: number, value: string];
}

export class Prometheus implements AsyncDisposable {
  readonly #url: string;
  readonly #folder: string;
  readonly #stop: () => Promise<void>;

  private constructor(url: string, folder: string, stop: () => Promise<void>) {
    this.#url = url;
    this.#folder = folder;
    this.#stop = stop;
  }

  /** Scrapes that router every second, and evaluates the rules as often. */
  static async start({ port, token }: Scraped, rules: string): Promise<Prometheus> {
    const folder = mkdtempSync(path.join(tmpdir(), "warmpath-prometheus-"));
    const config = {
      global: { scrape_interval: "1s", evaluation_interval: "1s" },
      rule_files: [rules],
      scrape_configs: [
        {
          job_name: "warmpath",
          metrics_path: "/-/metrics",
          authorization: { credentials: token },
          static_configs: [{ targets: [`127.0.0.1:${port}`] }],
        },
      ],
    };
    // JSON is YAML.
    const file = path.join(folder, "prometheus.yml");
    writeFileSync(file, JSON.stringify(config));
    const own = await freePort();
    const its = ["prometheus", `--config.file=${file}`, `--storage.tsdb.path=${path.join(folder, "data")}`];
    const child = spawn("sh", ["-c", UNTIL_STARTER_ENDS, ...its, `--web.listen-address=127.0.0.1:${own}`], {
      stdio: ["pipe", "ignore", "pipe"],
    });
    let log = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (log = (log + text).slice(-10_000)));
    child.stdin.on("error", () => {});
    const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    const prometheus = new Prometheus(`http://127.0.0.1:${own}`, folder, async () => {
      child.stdin.end();
      await ended;
    });
    try {
      await until(
        "Prometheus is ready",
        async () => (await fetch(`${prometheus.#url}/-/ready`).catch(() => null))?.ok === true,
        30_000,
      );
    } catch (error) {
      await prometheus[Symbol.asyncDispose]();
      throw new Error(log, { cause: error });
    }
    return prometheus;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** `data` of an answer of its HTTP API. */
  async get<T>(target: string): Promise<T> {
    const response = await fetch(`${this.#url}/api/v1/${target}`);
    const answer = (await response.json()) as { readonly status: string; readonly error?: string; readonly data: T };
    if (answer.status !== "success") throw new Error(`${target}: ${answer.error}`);
    return answer.data;
  }

  async query(query: string): Promise<readonly Series[]> {
    return (await this.get<{ readonly result: readonly Series[] }>(`query?query=${encodeURIComponent(query)}`)).result;
  }

  /** The value of the one series that the query gives; null: it gives none, or several. */
  async value(query: string): Promise<number | null> {
    const [only, ...others] = await this.query(query);
    return only === undefined || others.length > 0 ? null : Number(only.value[1]);
  }
}
