// The options of `warmpath-sidecar`, and what it is told with them. Bad usage names the option.
import { hostname } from "node:os";
import { Argument, Command, InvalidArgumentError, Option } from "@commander-js/extra-typings";
import { ADAPTERS } from "./adapters/index.ts";
import type { Adapter } from "./adapters/adapter.ts";
import { hintsCommand } from "./adapters/hints-command.ts";
import { hintsUrl, parsePath } from "./adapters/hints-url.ts";
import { hintFault } from "../replica/node/hints.ts";
import { BadUsage } from "./fault.ts";
import { LIMITS } from "./limits.ts";
import type { Aliases } from "./names.ts";
import type { SidecarOptions } from "./sidecar.ts";

type ServerName = keyof typeof ADAPTERS;
const SERVERS = Object.keys(ADAPTERS) as readonly ServerName[];

const EXAMPLES = `
Examples, with WARMPATH_ROUTER and WARMPATH_HEARTBEAT_TOKEN set:
  warmpath-sidecar ollama --app chat --origin https://gpu-1.example.com --hint-slots 3 --concurrency 4
  warmpath-sidecar vllm --app chat --origin https://gpu-1.example.com:8443 --concurrency 256
  warmpath-sidecar sglang --app chat --origin https://gpu-1.example.com:8443
  warmpath-sidecar llama-cpp --app chat --origin https://gpu-1.example.com --alias ggml-org/gemma-3-4b-it-GGUF:Q4_K_M=gemma-3-4b
  warmpath-sidecar lm-studio --app chat --origin https://mac-1.example.com --hint-slots 2
  warmpath-sidecar llama-swap --app chat --server http://127.0.0.1:9292 --origin https://gpu-1.example.com --hint-slots 1
  warmpath-sidecar triton --app vision --origin https://gpu-1.example.com --concurrency 8
  warmpath-sidecar torchserve --app vision --server http://127.0.0.1:8081 --origin https://gpu-1.example.com
  warmpath-sidecar comfyui --app images --origin https://gpu-1.example.com --hint-slots 2
  warmpath-sidecar --hints-url http://127.0.0.1:9000/v1/models/status --hints-path 'models[loaded=true].id' --app chat --origin https://gpu-1.example.com
  warmpath-sidecar --hints-command 'ls /run/models' --health-url http://127.0.0.1:9000/health --app images --origin https://gpu-1.example.com

What would be sent, without a router:
  warmpath-sidecar ollama --app chat --print

Leaves with 0 when it was told to end and has said so to the router, 1 if something is wrong, 2 on bad usage. A signal drains; a second one ends at once.`;

const count = (least: number, most: number) => (text: string) => {
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  if (value >= least && value <= most) return value;
  throw new InvalidArgumentError(`It must be an integer from ${least} to ${most}.`);
};

const seconds = (leastMs: number, mostMs: number) => (text: string) => {
  const ms = text.trim() === "" ? NaN : Number(text) * 1000;
  if (ms >= leastMs && ms <= mostMs) return ms;
  throw new InvalidArgumentError(`It must be seconds, from ${leastMs / 1000} to ${mostMs / 1000}.`);
};

const url = (text: string) => {
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return text;
  throw new InvalidArgumentError("It must be an http or https URL.");
};

/** A name may hold `=`, a hint may too, so the first one that has a name before it counts. */
function alias(text: string, before: readonly (readonly [string, string])[]): readonly (readonly [string, string])[] {
  const at = text.indexOf("=");
  const fault = at < 0 ? null : hintFault(text.slice(at + 1).trim());
  if (at > 0 && fault !== null) throw new InvalidArgumentError(`The hint ${fault}.`);
  if (at > 0) return [...before, [text.slice(0, at), text.slice(at + 1)]];
  throw new InvalidArgumentError("It must be NAME=HINT.");
}

/** Commander shows an unknown option with its value, which may be a secret. */
const withoutValue = (text: string) => text.replace(/'(--[\w-]+)=[^\n]*'/, "'$1'");

export function sidecarCommand(version: string) {
  return new Command("warmpath-sidecar")
    .description(
      "Makes an unmodified model server a replica of a Warmpath router's fleet: asks what it holds, and sends heartbeats.",
    )
    .version(version, "-V, --version", "show the version and leave")
    .exitOverride()
    .allowExcessArguments(false)
    .helpOption("-h, --help", "show this and leave")
    .configureOutput({ outputError: (text, write) => write(withoutValue(text)) })
    .addHelpText("after", EXAMPLES)
    .addArgument(new Argument("[server]", "what runs there").choices(SERVERS))
    .addOption(new Option("--app <name>", "the app's name").env("WARMPATH_APP"))
    .addOption(
      new Option("--replica <id>", "the replica's id (default: this machine's name and the server's port)").env(
        "WARMPATH_REPLICA",
      ),
    )
    .addOption(new Option("--origin <url>", "where the router reaches the server (default: --server)").env("WARMPATH_ORIGIN"))
    .addOption(new Option("--router <url>", "the router, like https://warmpath.example.workers.dev").env("WARMPATH_ROUTER"))
    .addOption(
      new Option("--heartbeat-token <token>", "a token of HEARTBEAT_TOKENS; the variable keeps it out of ps").env(
        "WARMPATH_HEARTBEAT_TOKEN",
      ),
    )
    .addOption(
      new Option("--server <url>", "where this machine reaches the server (default: its usual port here)")
        .argParser(url)
        .env("WARMPATH_SERVER"),
    )
    .addOption(
      new Option("--server-token <token>", "sent to the server as a bearer; the variable keeps it out of ps").env(
        "WARMPATH_SERVER_TOKEN",
      ),
    )
    .addOption(
      new Option("--hint-slots <number>", "models it can hold at once (default: what it says)")
        .argParser(count(0, LIMITS.models))
        .env("WARMPATH_HINT_SLOTS"),
    )
    .addOption(
      new Option(
        "--concurrency <number>",
        `requests it takes at once (default: what it says, else 1; vllm, sglang ${LIMITS.batchConcurrency})`,
      )
        .argParser(count(1, LIMITS.concurrencyMost))
        .env("WARMPATH_CONCURRENCY"),
    )
    .addOption(
      new Option("--alias <name=hint>", "a hint for a model instead of its own names; may be repeated")
        .argParser(alias)
        .default([], "none"),
    )
    .addOption(new Option("--hints-url <url>", "instead of a server's name: asks there what is held").argParser(url))
    .addOption(new Option("--hints-path <path>", "where in that JSON the names are, like models[loaded=true].id"))
    .addOption(new Option("--hints-command <command>", "instead of a server's name: a shell command that prints what is held"))
    .addOption(new Option("--health-url <url>", "must answer 2xx too, or the server counts as down").argParser(url))
    .addOption(
      new Option("--poll <seconds>", "how often the server is asked (default: 1; torchserve, --hints-command 5)").argParser(
        seconds(LIMITS.pollLeastMs, LIMITS.pollMostMs),
      ),
    )
    .addOption(
      new Option("--server-timeout <seconds>", "how long it may take to answer")
        .argParser(seconds(1, LIMITS.lookMostMs))
        .default(LIMITS.lookMs, `${LIMITS.lookMs / 1000}`),
    )
    .addOption(
      new Option("--drain <seconds>", "how long running requests may take to end")
        .argParser(seconds(0, LIMITS.drainMostMs))
        .default(LIMITS.drainMs, `${LIMITS.drainMs / 1000}`),
    )
    .addOption(
      new Option("--transport <way>", "how heartbeats are sent").choices(["post", "websocket"] as const).default("post" as const),
    )
    .option("--print", "look once, print the heartbeat and leave")
    .option("--json", "print JSON, a line an event");
}

export type Parsed = ReturnType<ReturnType<typeof sidecarCommand>["opts"]>;

/** What the options say together. Throws BadUsage. */
export function sidecarOptions(server: ServerName | undefined, options: Parsed): SidecarOptions {
  const adapter = adapterOf(server, options);
  const serverUrl = options.server ?? adapter.url ?? options.hintsUrl ?? "http://127.0.0.1";
  const { app } = options;
  if (app === undefined || app === "") throw new BadUsage("--app or WARMPATH_APP is needed");
  if (options.origin === undefined && adapter.isApart) {
    throw new BadUsage("--origin or WARMPATH_ORIGIN is needed: requests go to another place than questions");
  }
  const origin = options.origin ?? new URL(serverUrl).origin;
  const isTold = options.print !== true;
  if (isTold && !options.router) throw new BadUsage("--router or WARMPATH_ROUTER is needed");
  if (isTold && !options.heartbeatToken) throw new BadUsage("--heartbeat-token or WARMPATH_HEARTBEAT_TOKEN is needed");
  if (options.serverToken !== undefined && !/^[\u0021-\u007e]+$/.test(options.serverToken)) {
    throw new BadUsage("--server-token or WARMPATH_SERVER_TOKEN must be visible ASCII characters, without spaces");
  }
  return {
    ...{ adapter, serverUrl, pollMs: options.poll ?? adapter.pollMs, timeoutMs: options.serverTimeout, drainMs: options.drain },
    ...{ serverToken: options.serverToken ?? null, healthUrl: options.healthUrl ?? null, aliases: aliasesOf(options.alias) },
    ...{ hintSlots: options.hintSlots ?? null, concurrency: options.concurrency ?? null },
    fleet: {
      ...{ app, origin, replica: options.replica ?? `${hostname()}:${portOf(origin)}`, transport: options.transport },
      ...{ router: options.router ?? "http://localhost", token: options.heartbeatToken ?? "none" },
    },
  };
}

function adapterOf(server: ServerName | undefined, options: Parsed): Adapter {
  const { hintsUrl: from, hintsPath, hintsCommand: command } = options;
  const given = [server, from, command].filter((its) => its !== undefined).length;
  const choices = `${SERVERS.join(", ")}, --hints-url, --hints-command`;
  if (given !== 1) throw new BadUsage(`one of these is needed${given === 0 ? "" : ", and no second one"}: ${choices}`);
  if (hintsPath !== undefined && from === undefined) throw new BadUsage("--hints-path goes with --hints-url");
  if (server !== undefined) return ADAPTERS[server];
  if (command !== undefined) return hintsCommand(command, options.serverTimeout);
  const steps = hintsPath === undefined ? [] : parsePath(hintsPath);
  if (steps === null) throw new BadUsage("--hints-path must be steps joined by dots, like models[loaded=true].id");
  return hintsUrl(from ?? "", steps);
}

function aliasesOf(pairs: readonly (readonly [string, string])[]): Aliases {
  const aliases = new Map<string, string[]>();
  for (const [name, hint] of pairs) aliases.set(name, [...(aliases.get(name) ?? []), hint]);
  return aliases;
}

function portOf(origin: string): string {
  if (!URL.canParse(origin)) return "0";
  const { port, protocol } = new URL(origin);
  return port === "" ? (protocol === "https:" ? "443" : "80") : port;
}
