// What every command of this folder has in common: options within bounds, progress, interruption, and the exit status: 0 if all is well, 1 if
// not, 2 on bad usage, 130 when interrupted.
import { setTimeout as sleep } from "node:timers/promises";
// Commander with types that follow from the options, so that no interface has to repeat them.
import { Command, CommanderError, InvalidArgumentError, type OptionValues } from "@commander-js/extra-typings";
import { interrupted } from "../scripts/interrupted.ts";

export const MINUTE_MS = 60_000;
const EXIT_USAGE = 2;
const EXIT_INTERRUPTED = 130;
/** An interrupted run may tidy up for this long. Then the process exits, and workerd ends with it. */
const END_WITHIN_MS = 4500;
const PROGRESS_EVERY_MS = 100;
const COLUMNS = 80;

/** The user's fault, not the program's. */
export class BadInput extends Error {}

export interface Running {
  readonly signal: AbortSignal;
  /** Shows on a terminal, in one line, how far a long run has come. Without a terminal nothing is shown. */
  readonly progress: (doing: string, share: number) => void;
  /** Prints a result, in the place of the progress. */
  readonly print: (text: string) => void;
}

export function program(name: string, description: string, notes = ""): Command {
  const help = new Command(name).description(description).addHelpText("after", notes);
  return help.exitOverride().allowExcessArguments(false).helpOption("-h, --help", "show this and leave");
}

/** Parses an option's number. */
export function number(min: number, max: number, kind: "integer" | "number" = "number"): (text: string) => number {
  return (text) => {
    const value = text.trim() === "" ? NaN : Number(text);
    if (value >= min && value <= max && (kind === "number" || Number.isInteger(value))) return value;
    throw new InvalidArgumentError(`It must be ${kind === "integer" ? "an integer" : "a number"} from ${min} to ${max}.`);
  };
}

export const SEED = number(0, 2 ** 31 - 1, "integer");

/** Parses known names with commas between them. Gives them in the order of `known`. */
export function names<T extends string>(known: readonly T[]): (text: string) => readonly T[] {
  return (text) => {
    const named = text.split(",").map((name) => name.trim());
    const unknown = named.find((name) => !known.some((its) => its === name));
    if (unknown !== undefined) throw new InvalidArgumentError(`${JSON.stringify(unknown)} is none of ${known.join(", ")}.`);
    return known.filter((name) => named.includes(name));
  };
}

/** If something goes wrong, blames the option, unless the message names another one. */
export function blaming<T>(option: string, what: () => T): T {
  try {
    return what();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new BadInput(message.startsWith("--") ? message : `${option}: ${message}`, { cause: error });
  }
}

/** Runs a command and exits. `run` says whether all is well. */
export async function main<Options extends OptionValues>(
  command: Command<[], Options>,
  run: (options: Options, running: Running) => Promise<boolean>,
): Promise<never> {
  const interruption = new AbortController();
  const interrupt = () => {
    if (interruption.signal.aborted) return;
    setTimeout(() => process.exit(EXIT_INTERRUPTED), END_WITHIN_MS).unref();
    interruption.abort();
  };
  // If a reader leaves, as in `npm run soak | head`, or a terminal is closed, the run ends without a stack trace.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", interrupt);
  try {
    command.parse();
    void interrupted().then(interrupt);
    const isWell = await run(command.opts() as Options, { signal: interruption.signal, ...talker(process.stderr) });
    process.exit(interruption.signal.aborted ? EXIT_INTERRUPTED : isWell ? 0 : 1);
  } catch (error) {
    if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : EXIT_USAGE);
    // The build blocks the event loop. An interruption that made the build fail is known only after a turn of the loop.
    await sleep(10);
    if (interruption.signal.aborted) process.exit(EXIT_INTERRUPTED);
    console.error(`error: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(error instanceof BadInput ? EXIT_USAGE : 1);
  }
}

function talker(stream: NodeJS.WriteStream): Omit<Running, "signal"> {
  let saidAtMs = -Infinity;
  const clear = () => void (stream.isTTY && stream.write("\r\u001B[K"));
  return {
    progress(doing, share) {
      if (!stream.isTTY || performance.now() - saidAtMs < PROGRESS_EVERY_MS) return;
      saidAtMs = performance.now();
      clear();
      stream.write(`${(share * 100).toFixed(0).padStart(3)} %  ${doing}`.slice(0, (stream.columns || COLUMNS) - 1));
    },
    print(text) {
      clear();
      console.log(text);
    },
  };
}
