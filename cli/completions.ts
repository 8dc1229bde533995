// Completion scripts for bash, zsh and fish, as text.

export interface CompletedOption {
  readonly long: string;
  readonly short: string | null;
  readonly description: string;
  readonly takesValue: boolean;
}

export interface Completed {
  readonly name: string;
  readonly description: string;
  /** What its arguments can be; empty: anything. */
  readonly values: readonly string[];
  readonly options: readonly CompletedOption[];
}

const longs = ({ options }: Completed) => options.map(({ long }) => long);

/** In single quotes, which every shell takes as it is. */
const quoted = (text: string) => `'${text.replaceAll("'", String.raw`'\''`)}'`;

export function bash(commands: readonly Completed[]): string {
  const cases = commands.map(
    (command) => `    ${command.name}) words=${quoted([...longs(command), ...command.values].join(" "))} ;;`,
  );
  return `# warmpath: source this file, or put it into bash's folder of completions.
_warmpath() {
  local words
  if [ "$COMP_CWORD" -eq 1 ]; then
    words=${quoted([...commands.map(({ name }) => name), "help", "--help", "--version"].join(" "))}
  else
    case "\${COMP_WORDS[1]}" in
${cases.join("\n")}
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _warmpath warmpath`;
}

export function zsh(commands: readonly Completed[]): string {
  const described = (name: string, description: string) => quoted(`${name.replaceAll(":", String.raw`\:`)}:${description}`);
  const cases = commands.map((command) => {
    const words = [
      ...command.options.map(({ long, description }) => described(long, description)),
      ...command.values.map((value) => described(value, command.description)),
    ];
    return `    ${command.name}) choices=(${words.join(" ")}) ;;`;
  });
  return `# warmpath: source this file after compinit.
_warmpath() {
  local -a choices
  if (( CURRENT == 2 )); then
    choices=(${commands.map(({ name, description }) => described(name, description)).join(" ")})
  else
    case "$words[2]" in
${cases.join("\n")}
    esac
  fi
  _describe warmpath choices || _files
}
compdef _warmpath warmpath`;
}

export function fish(commands: readonly Completed[]): string {
  /** Fish reads a backslash before a quote in single quotes. */
  const quoted = (text: string) => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
  const lines = commands.flatMap(({ name, description, values, options }) => {
    const within = `complete -c warmpath -n ${quoted(`__fish_seen_subcommand_from ${name}`)}`;
    return [
      `complete -c warmpath -n __fish_use_subcommand -f -a ${name} -d ${quoted(description)}`,
      ...options.map(({ long, short, description, takesValue }) => {
        const letter = short === null ? "" : ` -s ${short.slice(1)}`;
        return `${within} -l ${long.slice(2)}${letter}${takesValue ? " -r" : ""} -d ${quoted(description)}`;
      }),
      ...(values.length === 0 ? [] : [`${within} -f -a ${quoted(values.join(" "))}`]),
    ];
  });
  return [`# warmpath: put this file into ~/.config/fish/completions/warmpath.fish.`, ...lines].join("\n");
}
