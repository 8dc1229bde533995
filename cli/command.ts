// What every command has in common: its options, what it is run with, and how it is put together.
import {
  Argument,
  Command,
  InvalidArgumentError,
  Option,
  type CommandUnknownOpts,
  type OptionValues,
} from "@commander-js/extra-typings";
import { isAppName } from "../src/wire/heartbeat.ts";
import { BadUsage } from "./failure.ts";
import { LIMITS } from "./limits.ts";
import type { Paint } from "./text.ts";

export interface Running {
  /** Aborted when the command is interrupted. */
  readonly signal: AbortSignal;
  readonly paint: Paint;
  readonly print: (text: string) => void;
}

/** A command with what it does. `run` says whether all is well. */
export interface Job {
  readonly command: CommandUnknownOpts;
  readonly run: (running: Running) => Promise<boolean>;
}

export function job<Args extends unknown[], Options extends OptionValues>(
  command: Command<Args, Options>,
  run: (args: Args, options: Options, running: Running) => Promise<boolean>,
): Job {
  return { command, run: (running) => run(command.processedArgs as Args, command.opts() as Options, running) };
}

/** Commander shows an unknown option with its value, which may be a secret. */
const withoutValue = (text: string) => text.replace(/'(--[\w-]+)=[^\n]*'/, "'$1'");

export function commandOf(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .exitOverride()
    .allowExcessArguments(false)
    .helpOption("-h, --help", "show this and leave")
    .configureOutput({ outputError: (text, write) => write(withoutValue(text)) });
}

const json = () => new Option("--json", "print JSON");
const timeout = () =>
  new Option("--timeout <seconds>", "how long a request may take").argParser(seconds).default(LIMITS.requestMs, "10");

export function localCommand(name: string, description: string) {
  return commandOf(name, description).addOption(json());
}

/** A command that asks the router. */
export function routerCommand(name: string, description: string) {
  return localCommand(name, description)
    .addOption(new Option("--router <url>", "the router, like https://warmpath.example.workers.dev").env("WARMPATH_ROUTER"))
    .addOption(timeout());
}

const adminToken = () =>
  new Option("--admin-token <token>", "the router's ADMIN_TOKEN; the variable keeps it out of ps").env("WARMPATH_ADMIN_TOKEN");
export const heartbeatToken = () =>
  new Option("--heartbeat-token <token>", "a token of HEARTBEAT_TOKENS; the variable keeps it out of ps").env(
    "WARMPATH_HEARTBEAT_TOKEN",
  );

/** A command that asks the router as its administrator. */
export function adminCommand(name: string, description: string) {
  return routerCommand(name, description).addOption(adminToken());
}

/** Checked here, because a URL would make another path of `.` and `..`. */
export const appArgument = () =>
  new Argument("<app>", "the app's name").argParser((text): string => {
    if (isAppName(text)) return text;
    throw new InvalidArgumentError("It must be NAME or OWNER/NAME, of letters, digits and ._-");
  });
export const replicaArgument = () =>
  new Argument("<replica>", "the replica's id").argParser((text): string => {
    if (text !== "" && !/^\.{1,2}$/.test(text)) return text;
    throw new InvalidArgumentError("No replica has such an id.");
  });

/** Parses an option that is given more than once. */
export function each(text: string, before: readonly string[]): readonly string[] {
  return [...before, text];
}

/** Any number, because the router says which it takes. */
export function anyNumber(text: string): number {
  const value = text.trim() === "" ? NaN : Number(text);
  if (Number.isFinite(value)) return value;
  throw new InvalidArgumentError("It must be a number.");
}

function seconds(text: string): number {
  const ms = text.trim() === "" ? NaN : Number(text) * 1000;
  if (ms >= 1 && ms <= LIMITS.requestMostMs) return ms;
  throw new InvalidArgumentError(`It must be seconds, above 0 and at most ${LIMITS.requestMostMs / 1000}.`);
}

/** A token as a header can hold it. The message never shows it. */
export function tokenOf(token: string | undefined, option: string, variable: string): string {
  if (token === undefined || token === "") throw new BadUsage(`${option} or ${variable} is needed`);
  if (!/^[\u0021-\u007e]+$/.test(token)) {
    throw new BadUsage(`${option} or ${variable} must be visible ASCII characters, without spaces`);
  }
  return token;
}

export const adminTokenOf = (options: { readonly adminToken?: string | undefined }) =>
  tokenOf(options.adminToken, "--admin-token", "WARMPATH_ADMIN_TOKEN");
export const heartbeatTokenOf = (options: { readonly heartbeatToken?: string | undefined }) =>
  tokenOf(options.heartbeatToken, "--heartbeat-token", "WARMPATH_HEARTBEAT_TOKEN");
