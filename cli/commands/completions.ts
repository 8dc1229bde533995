// `warmpath completions SHELL`: made from the tree of commands, so that they can't fall behind it.
import type { CommandUnknownOpts } from "@commander-js/extra-typings";
import { Argument } from "@commander-js/extra-typings";
import { bash, fish, zsh, type Completed } from "../completions.ts";
import { commandOf, job } from "../command.ts";

const SHELLS = { bash, zsh, fish } as const;

export function completions(root: CommandUnknownOpts) {
  const names = Object.keys(SHELLS) as readonly (keyof typeof SHELLS)[];
  const command = commandOf("completions", "Prints a shell's completions for warmpath.").addArgument(
    new Argument("<shell>", "the shell").choices(names),
  );
  return job(command, async ([shell], _options, { print }) => {
    print(SHELLS[shell](completedOf(root)));
    return true;
  });
}

function completedOf(root: CommandUnknownOpts): readonly Completed[] {
  return root.commands.map((command) => ({
    name: command.name(),
    description: command.description(),
    values: command.registeredArguments.flatMap((argument) => argument.argChoices ?? []),
    options: command
      .createHelp()
      .visibleOptions(command)
      .map((option) => ({
        long: option.long ?? "",
        short: option.short ?? null,
        description: option.description,
        takesValue: option.required || option.optional,
      })),
  }));
}
