// Real model servers as child processes, with tiny models of random weights: llama.cpp's, by the variable LLAMA_SERVER or `llama-server` in PATH, and Ollama,
// by OLLAMA or `ollama` in PATH. What they write is nonsense.
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { freePort } from "./free-port.ts";
import { UNTIL_STARTER_ENDS } from "../../scripts/router-process.ts";
import { writeTinyModel } from "./tiny-gguf.ts";
import { until } from "./until.ts";

const LLAMA = process.env["LLAMA_SERVER"] ?? "llama-server";
const OLLAMA = process.env["OLLAMA"] ?? "ollama";

/** Whether llama.cpp's server is installed. If REQUIRE_LLAMA is set, as in CI, it must be. */
export function hasLlama(): boolean {
  const isThere = runs(LLAMA);
  if (!isThere && process.env["REQUIRE_LLAMA"] === "1") throw new Error(`REQUIRE_LLAMA is set, and ${LLAMA} does not run`);
  return isThere;
}

export const hasOllama = (): boolean => runs(OLLAMA);

function runs(program: string): boolean {
  const { error, status } = spawnSync(program, ["--version"]);
  return error === undefined && status === 0;
}

export class ModelServer implements AsyncDisposable {
  readonly port: number;
  readonly folder: string;
  readonly #command: readonly string[];
  readonly #variables: Readonly<Record<string, string>>;
  readonly #health: string;
  #stop: (() => Promise<void>) | null = null;
  #log = "";

  private constructor(port: number, folder: string, command: readonly string[], health: string, variables = {}) {
    this.port = port;
    this.folder = folder;
    this.#command = command;
    this.#health = health;
    this.#variables = variables;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** llama.cpp's server as a router of so many models at once, each in a file of its own. */
  static async llamaRouter(models: readonly string[], most: number): Promise<ModelServer> {
    const { port, folder } = await place(models);
    const args = ["--models-dir", folder, "--models-max", String(most), "--no-ui", ...common(port)];
    return new ModelServer(port, folder, [LLAMA, ...args], "/health").#begun();
  }

  /** llama.cpp's server with one model. */
  static async llamaSingle(model: string, slots: number): Promise<ModelServer> {
    const { port, folder } = await place([model]);
    const args = ["--model", path.join(folder, `${model}.gguf`), "--alias", model, "--no-ui", ...common(port, slots)];
    return new ModelServer(port, folder, [LLAMA, ...args], "/health").#begun();
  }

  static async ollama(models: readonly string[]): Promise<ModelServer> {
    const { port, folder } = await place(models);
    const variables = { OLLAMA_HOST: `127.0.0.1:${port}`, OLLAMA_MODELS: path.join(folder, "store"), HOME: folder };
    const server = await new ModelServer(port, folder, [OLLAMA, "serve"], "/api/version", variables).#begun();
    for (const model of models) {
      const file = path.join(folder, `${model}.Modelfile`);
      writeFileSync(file, `FROM ${path.join(folder, `${model}.gguf`)}\n`);
      const { status, stderr } = spawnSync(OLLAMA, ["create", model, "-f", file], {
        env: { ...process.env, ...variables },
        encoding: "utf8",
      });
      if (status !== 0) throw new Error(stderr);
    }
    return server;
  }

  /** Ends it as a crash would. What it has started to run models ends with it. */
  async kill(): Promise<void> {
    await this.#stop?.();
    this.#stop = null;
  }

  /** Starts it, again at the same port. */
  async start(): Promise<void> {
    const [program = "", ...args] = this.#command;
    const child = spawn("sh", ["-c", UNTIL_STARTER_ENDS, program, ...args], {
      stdio: ["pipe", "pipe", "pipe"],
      env: { ...process.env, ...this.#variables },
    });
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text: string) => this.#keep(text));
    child.stdin.on("error", () => {});
    const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    this.#stop = async () => {
      child.stdin.end();
      await ended;
    };
    const isUp = async () => (await fetch(`${this.url}${this.#health}`).catch(() => null))?.ok === true;
    await until("the model server is up", async () => (await isUp()) || child.exitCode !== null, 30_000);
    if (child.exitCode !== null) throw new Error(`the model server ended:\n${this.#log}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #begun(): Promise<this> {
    await this.start();
    return this;
  }

  #keep(text: string): void {
    this.#log = (this.#log + text).slice(-5000);
  }
}

const common = (port: number, slots = 2) => [
  "--host",
  "127.0.0.1",
  "--port",
  String(port),
  "--parallel",
  String(slots),
  "--ctx-size",
  "65536",
];

async function place(models: readonly string[]) {
  const folder = mkdtempSync(path.join(tmpdir(), "warmpath-test-models-"));
  models.forEach((model, index) => writeTinyModel(path.join(folder, `${model}.gguf`), model, index + 1));
  return { port: await freePort(), folder };
}
