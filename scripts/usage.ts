// How commands take their arguments: a help text of their own, and bad usage in one line.
import { Command } from "@commander-js/extra-typings";

const EXIT_USAGE = 2;

/** Returns where there are no arguments. Else prints the help and ends with 0, or one line with what is wrong and ends with 2. */
export function helpAlone(usage: string): void {
  commandOf(usage).parse();
}

/** For a command with options: `parse` ends the process as `helpAlone` does. `usage` describes the options. */
export function commandOf(usage: string): Command {
  const program = new Command().allowExcessArguments(false).helpOption("-h, --help");
  program.helpInformation = () => `${usage}\n`;
  return program.exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : EXIT_USAGE));
}
