// `warmpath drain`, `undrain` and `remove`: what an administrator can change of a replica.
import { createInterface } from "node:readline/promises";
import { ask, reachOf } from "../client.ts";
import { adminCommand, adminTokenOf, appArgument, job, replicaArgument } from "../command.ts";
import { BadUsage, Failed } from "../failure.ts";
import { printable } from "../text.ts";

const changing = (name: string, description: string) =>
  adminCommand(name, description).addArgument(appArgument()).addArgument(replicaArgument());

const pathOf = (app: string, replica: string) => `/-/apps/${encodeURIComponent(app)}/replicas/${encodeURIComponent(replica)}`;

export const drain = drainJob("drain", "Gives a replica nothing new until undrain or its next process.", "gets nothing new");
export const undrain = drainJob("undrain", "Ends a drain.", "gets requests again");

function drainJob(name: "drain" | "undrain", description: string, done: string) {
  return job(changing(name, description), async ([app, replica], options, { signal, print }) => {
    const sending = { method: "POST", token: adminTokenOf(options) };
    const answer = await ask<object>(reachOf(options, signal), `${pathOf(app, replica)}/${name}`, "drained", sending);
    print(options.json === true ? JSON.stringify(answer) : printable(`${replica} of ${app} ${done}.`));
    return true;
  });
}

export const remove = job(
  changing("remove", "Removes a replica; its process is refused for one time to live.").option("--yes", "do not ask"),
  async ([app, replica], options, { signal, print }) => {
    const reach = reachOf(options, signal);
    const token = adminTokenOf(options);
    if (options.yes !== true && !(await confirmed(printable(`Remove ${replica} of ${app}?`), signal))) {
      throw new Failed("not removed", { type: "not_confirmed" });
    }
    const answer = await ask<object>(reach, pathOf(app, replica), "deleted", { method: "DELETE", token });
    print(options.json === true ? JSON.stringify(answer) : printable(`${replica} of ${app} is removed.`));
    return true;
  },
);

/** Asks on the terminal. The question goes to standard error, so that standard output holds the result alone. */
async function confirmed(question: string, signal: AbortSignal): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) throw new BadUsage("--yes is needed where no terminal can ask");
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  // readline takes Ctrl-C for itself.
  terminal.on("SIGINT", () => process.kill(process.pid, "SIGINT"));
  // Ctrl-D ends the input without an answer.
  const closed = new Promise<string>((resolve) => terminal.once("close", () => resolve("")));
  try {
    const answer = await Promise.race([terminal.question(`${question} [y/N] `, { signal }), closed]);
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    terminal.close();
  }
}
