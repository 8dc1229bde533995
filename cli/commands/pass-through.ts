// `warmpath simulate` and `warmpath cost`: the commands of bench/, with their own options, output and exit status.
import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { PROJECT } from "../../scripts/bundle.ts";
import { commandOf, job } from "../command.ts";

const EXIT_INTERRUPTED = 130;

export const simulate = passing("simulate", "Runs the scheduler against other policies in simulated time; --help says more.");
export const cost = passing("cost", "Prints a month's bill on Cloudflare by list prices; --help says more.");

function passing(name: string, description: string) {
  const command = commandOf(name, description)
    .helpOption(false)
    .argument("[arguments...]", `arguments of npm run ${name}`)
    .allowUnknownOption()
    .passThroughOptions();
  return job(command, async ([args], _options, { signal }) => {
    const program = path.join(PROJECT, "bench", name, "main.ts");
    const child = spawn(process.execPath, [program, ...args], { stdio: "inherit" });
    // On a terminal Ctrl-C reaches the child by itself. A second one changes nothing there.
    signal.addEventListener("abort", () => child.kill("SIGINT"));
    const [code] = (await once(child, "exit")) as [number | null];
    process.exit(code ?? EXIT_INTERRUPTED);
  });
}
