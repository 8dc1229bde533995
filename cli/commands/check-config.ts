// `warmpath check-config`: every bad setting and every misspelt name, before a deploy finds the first of them.
import { job, localCommand } from "../command.ts";
import { fileOption, fromOption, readConfig, setOption, type Setting } from "../config.ts";
import { printable, table, type Column } from "../text.ts";

export const checkConfig = job(
  localCommand("check-config", "Checks the settings that a router would get; names every one that is bad or misspelt.")
    .addOption(fileOption())
    .addOption(fromOption())
    .addOption(setOption()),
  async (_args, options, { paint, print }) => {
    const { settings, wrong, notes } = readConfig(options);
    const ok = wrong.length === 0;
    if (options.json === true) {
      print(JSON.stringify({ ok, settings, wrong, notes }));
      return ok;
    }
    const isBad = (name: string) => wrong.some(({ setting }) => setting === name);
    const columns: readonly Column<Setting>[] = [
      { head: "setting", cell: ({ name }) => name, style: ({ name }) => (isBad(name) ? "red" : null) },
      { head: "from", cell: ({ from }) => from },
      { head: "value", cell: ({ secret, value }) => value ?? (secret ? "(secret)" : "(bad)") },
    ];
    if (settings.length > 0) print(`${table(settings, columns, paint)}\n`);
    for (const { detail, from } of wrong) print(`${paint("red", "wrong")}  ${printable(detail)} (${from})`);
    for (const note of notes) print(`${paint("yellow", "note")}   ${note}`);
    if (ok) print(`${paint("green", "ok")}     ${settings.length} set, the others at their defaults`);
    return ok;
  },
);
