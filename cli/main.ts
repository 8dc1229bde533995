// `warmpath`: the operator's command line. Exit status 0: all is well; 1: the router says no or something is wrong; 2: bad usage; 130: interrupted.
import { readFileSync } from "node:fs";
import path from "node:path";
import { CommanderError } from "@commander-js/extra-typings";
import { PROJECT } from "../scripts/bundle.ts";
import { interrupted } from "../scripts/interrupted.ts";
import { commandOf, type Job } from "./command.ts";
import { apps } from "./commands/apps.ts";
import { drain, remove, undrain } from "./commands/change.ts";
import { checkConfig } from "./commands/check-config.ts";
import { completions } from "./commands/completions.ts";
import { dashboard } from "./commands/dashboard.ts";
import { doctor } from "./commands/doctor.ts";
import { events } from "./commands/events.ts";
import { explain } from "./commands/explain.ts";
import { heartbeat } from "./commands/heartbeat.ts";
import { cost, simulate } from "./commands/pass-through.ts";
import { queue } from "./commands/queue.ts";
import { replicas } from "./commands/replicas.ts";
import { warm } from "./commands/warm.ts";
import { BadUsage, Failed } from "./failure.ts";
import { painter } from "./text.ts";

const EXIT_USAGE = 2;
const EXIT_INTERRUPTED = 130;

const NOTES = `
Options come from these variables too, which keep tokens out of the list of processes:
  WARMPATH_ROUTER  WARMPATH_ADMIN_TOKEN  WARMPATH_HEARTBEAT_TOKEN

Leaves with 0 if all is well, 1 if the router says no or something is wrong, 2 on bad usage, 130 when interrupted.`;

const root = commandOf("warmpath", "Looks at a Warmpath router and changes its fleets.")
  .version(versionOf(), "-V, --version", "show the version and leave")
  .enablePositionalOptions()
  .addHelpText("after", NOTES);
const jobs = [
  dashboard,
  apps,
  replicas,
  events,
  queue,
  explain,
  warm,
  drain,
  undrain,
  remove,
  heartbeat,
  checkConfig,
  doctor,
  simulate,
  cost,
  completions(root),
];
let named: Job | undefined;
for (const its of jobs) root.addCommand(its.command.action(() => void (named = its)));

const interruption = new AbortController();
const interrupt = () => interruption.abort();
void interrupted().then(interrupt);
// If a reader leaves, as in `warmpath apps | head`, the command ends without a stack trace.
for (const stream of [process.stdout, process.stderr]) stream.on("error", interrupt);

process.exitCode = await statusOf();

async function statusOf(): Promise<number> {
  const { signal } = interruption;
  try {
    root.parse();
    const paint = painter(process.stdout.isTTY, process.env["NO_COLOR"]);
    const isWell = await named?.run({ signal, paint, print: (text) => console.log(text) });
    if (signal.aborted) return EXIT_INTERRUPTED;
    return isWell === true ? 0 : 1;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
    if (signal.aborted) return EXIT_INTERRUPTED;
    return tell(error);
  }
}

/** Says what went wrong. With `--json` that goes to standard output too, as everything that a program reads. */
function tell(error: unknown): number {
  const message = error instanceof Error ? error.message : String(error);
  const asJson = named?.command.opts()["json"] === true;
  if (error instanceof Failed && asJson) console.log(JSON.stringify({ error: { detail: message, ...error.facts } }));
  else console.error(`error: ${message}`);
  return error instanceof BadUsage ? EXIT_USAGE : 1;
}

function versionOf(): string {
  return (JSON.parse(readFileSync(path.join(PROJECT, "package.json"), "utf8")) as { version: string }).version;
}
