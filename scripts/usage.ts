// How commands without options of their own take their arguments: `--help`, and nothing else.
import { Command } from "commander";

const EXIT_USAGE = 2;

/** Returns where there are no arguments. Else prints the help and ends with 0, or one line with what is wrong and ends with 2. */
export function helpAlone(usage: string): void {
  const program = new Command().allowExcessArguments(false).helpOption("-h, --help");
  program.helpInformation = () => `${usage}\n`;
  program.exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : EXIT_USAGE));
  program.parse();
}
