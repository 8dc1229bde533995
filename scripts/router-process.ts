// The built Worker on plain workerd: what `npm run serve`, the demo, the tests and the benchmarks run. Linux and macOS.
import { spawn } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { parse } from "smol-toml";
import { misspeltSettings } from "../src/settings/misspelt.ts";
import { SETTING_NAMES } from "../src/settings/settings.ts";
import { BUNDLE, PROJECT } from "./bundle.ts";

export interface RouterOptions {
  /** 0: any free port. */
  readonly port: number;
  readonly host?: string;
  /** Where the objects' databases are, with the configuration and the code that runs. */
  readonly stateFolder: string;
  readonly settings: Readonly<Record<string, string>>;
  /** The built Worker that runs; without it the one that is deployed. */
  readonly bundle?: string;
  /** Takes workerd's log, line by line. */
  readonly log?: (line: string) => void;
  /** Opens V8's inspector on a free port of loopback, for measurements: whoever reaches it may run code in the router. */
  readonly inspect?: boolean;
}

export interface RouterProcess {
  readonly url: string;
  readonly port: number;
  /** Null: not asked for. */
  readonly inspectorPort: number | null;
  /** Process id of workerd itself. */
  readonly pid: number;
  /** When it has ended, for whatever reason. */
  readonly ended: Promise<void>;
  /** Ends it, as a crash would: nothing is told to anyone. */
  stop(): Promise<void>;
}

/** Prints a line of the router's log, unless it tells what happened to a replica: whoever started the replicas knows that. */
export function printTrouble(line: string): void {
  if (!line.startsWith('{"message":"event"')) console.error(`router: ${line}`);
}

/** By this name the inspector knows the router. */
export const SERVICE = "router";

/**
 * Runs a program until its own standard input ends, which happens when its starter dies in whatever way: no orphan keeps the port.
 * File descriptor 3 is workerd's channel for control events.
 */
export const UNTIL_STARTER_ENDS = `trap "" INT TERM HUP
"$0" "$@" </dev/null & pid=$!
exec 3>&-
echo $pid
cat >/dev/null
kill -KILL $pid 2>/dev/null
wait $pid 2>/dev/null`;

/** Starts the router and waits until it listens. Throws with workerd's words when it doesn't, and logs none of them. */
export async function startRouter(options: RouterOptions): Promise<RouterProcess> {
  const config = writeConfig(options);
  const workerd = path.join(PROJECT, "node_modules", "workerd", "bin", "workerd");
  const inspecting = options.inspect === true ? ["--inspector-addr=127.0.0.1:0"] : [];
  const child = spawn("sh", ["-c", UNTIL_STARTER_ENDS, workerd, "serve", "--control-fd=3", ...inspecting, config], {
    stdio: ["pipe", "pipe", "pipe", "pipe"],
    env: { PATH: process.env["PATH"], TZ: process.env["TZ"], ...options.settings },
  });
  const said: string[] = [];
  let started = false;
  const take = (line: string) => {
    if (started) options.log?.(line);
    else if (said.length < 50) said.push(line);
  };
  const { promise: pidLine, resolve: havePid } = Promise.withResolvers<number>();
  createInterface({ input: child.stdout }).on("line", (line) => (/^\d+$/.test(line) ? havePid(Number(line)) : take(line)));
  createInterface({ input: child.stderr }).on("line", take);
  child.stdin.on("error", () => {});
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const allSaid = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const control = child.stdio[3] as Readable;
  let inspectorPort: number | null = null;
  const listening = new Promise<number>((resolve, reject) => {
    createInterface({ input: control })
      .on("line", (line) => {
        const event = JSON.parse(line) as { event: string; port?: number };
        if (event.event === "listen-inspector") inspectorPort = event.port ?? null;
        if (event.event === "listen" && event.port !== undefined) resolve(event.port);
      })
      .on("close", () => {
        child.stdin.end();
        void allSaid.then(() => reject(new Error(startFault(options.port, said))));
      });
  });
  const port = await listening;
  started = true;
  for (const line of said) options.log?.(line);
  const stop = async () => {
    child.stdin.end();
    await ended;
  };
  return { url: `http://${options.host ?? "127.0.0.1"}:${port}`, port, inspectorPort, pid: await pidLine, ended, stop };
}

function startFault(port: number, said: readonly string[]): string {
  const taken = said.some((line) => /address already in use/i.test(line));
  if (taken) return `port ${port} is in use: stop what listens there, or choose another with PORT`;
  return `workerd ended:\n${said.join("\n")}`;
}

/** Settings reach workerd by its environment, so that no secret is written to disk. */
function writeConfig({ port, host = "127.0.0.1", stateFolder, settings, bundle = BUNDLE }: RouterOptions): string {
  mkdirSync(path.join(stateFolder, "objects"), { recursive: true });
  copyFileSync(bundle, path.join(stateFolder, "index.js"));
  const wrangler = parse(readFileSync(path.join(PROJECT, "wrangler.toml"), "utf8")) as unknown as {
    compatibility_date: string;
    compatibility_flags: readonly string[];
  };
  const misspelt = misspeltSettings(Object.keys(settings)).map(({ name }) => name);
  const names = [...SETTING_NAMES.filter((name) => settings[name] !== undefined), ...misspelt];
  const bindings = [
    `(name = "FLEET", durableObjectNamespace = "Fleet")`,
    `(name = "DIRECTORY", durableObjectNamespace = "Directory")`,
    ...names.map((name) => `(name = "${name}", fromEnvironment = "${name}")`),
  ];
  const file = path.join(stateFolder, "config.capnp");
  writeFileSync(
    file,
    `# Written by scripts/router-process.ts at each start.
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "${SERVICE}", worker = .router),
    (name = "internet", network = (allow = ["public", "private"], tlsOptions = (trustBrowserCas = true))),
    (name = "objects", disk = (path = ${quote(path.join(stateFolder, "objects"))}, writable = true)),
  ],
  sockets = [(name = "http", address = ${quote(`${host}:${port}`)}, http = (), service = "${SERVICE}")],
);

const router :Workerd.Worker = (
  modules = [(name = "index.js", esModule = embed "index.js")],
  compatibilityDate = ${quote(wrangler.compatibility_date)},
  compatibilityFlags = [${wrangler.compatibility_flags.map(quote).join(", ")}],
  globalOutbound = "internet",
  durableObjectNamespaces = [
    (className = "Fleet", uniqueKey = "warmpath-fleet", enableSql = true),
    (className = "Directory", uniqueKey = "warmpath-directory", enableSql = true),
  ],
  durableObjectStorage = (localDisk = "objects"),
  bindings = [
    ${bindings.join(",\n    ")},
  ],
);
`,
  );
  return file;
}

function quote(text: string): string {
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}
