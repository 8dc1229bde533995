// `warmpath-sidecar`: parses, runs until a signal, says what happens. Exit status 0: told to end, and the router has heard; 1: something is wrong; 2: bad usage.
import { readFileSync } from "node:fs";
import path from "node:path";
import { CommanderError } from "@commander-js/extra-typings";
import { FleetOptionError } from "../replica/node/index.ts";
import { checkOptions } from "../replica/node/options.ts";
import { sendable } from "../replica/node/hints.ts";
import { reportOf } from "../replica/node/report.ts";
import { sidecarCommand, sidecarOptions } from "./command.ts";
import { BadUsage, ServerFault, shortened } from "./fault.ts";
import { heldBy, lookOnce, runSidecar, type Event, type SidecarOptions } from "./sidecar.ts";

const EXIT_USAGE = 2;

const [end, abandon] = [new AbortController(), new AbortController()];
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
  process.on(signal, () => (end.signal.aborted ? abandon : end).abort());
}
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => end.abort());

process.exitCode = await statusOf();

async function statusOf(): Promise<number> {
  const command = sidecarCommand(versionOf());
  try {
    command.parse();
    const { json: asJson = false, print = false } = command.opts();
    const options = sidecarOptions(command.processedArgs[0], command.opts());
    checkOptions(options.fleet);
    if (print) return await printOnce(options, asJson);
    const isHeard = await runSidecar(options, end.signal, abandon.signal, (event) =>
      console.log(asJson ? JSON.stringify(event) : inWords(event)),
    );
    return isHeard ? 0 : 1;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
    console.error(`error: ${wordsOf(error)}`);
    return error instanceof BadUsage || error instanceof FleetOptionError ? EXIT_USAGE : 1;
  }
}

async function printOnce(options: SidecarOptions, asJson: boolean): Promise<number> {
  const startedAtMs = performance.now();
  try {
    const look = await lookOnce(options, end.signal);
    const { hints, hintSlots, concurrency } = heldBy(options, look);
    const said = hints === null ? null : sendable(hints);
    for (const fault of said?.faults ?? []) console.error(`note: ${fault}`);
    const numbering = {
      incarnation: Date.now(),
      sequence: 1,
      status: "ready",
      inFlight: null,
      hints: said?.hints ?? null,
    } as const;
    const heartbeat = reportOf({ ...options.fleet, hintSlots, concurrency }, numbering);
    if (!asJson)
      console.log(
        `${options.adapter.title} answered in ${Math.round(performance.now() - startedAtMs)} ms. This would be sent:\n`,
      );
    console.log(asJson ? JSON.stringify(heartbeat) : JSON.stringify(heartbeat, null, 2));
    return 0;
  } catch (error) {
    if (!(error instanceof ServerFault)) throw error;
    if (asJson) console.log(JSON.stringify({ error: { type: error.kind, detail: error.message } }));
    else console.error(`error: ${options.adapter.title} is not up: ${error.message}`);
    return 1;
  }
}

function inWords(event: Event): string {
  switch (event.event) {
    case "up":
      return `up: ${event.detail} takes requests`;
    case "down":
      return `down, so the replica gets no requests: ${event.detail}`;
    case "holds":
      return `holds ${event.hints === null ? "what the router learns from answers" : shownHints(event.hints)}; ${event.concurrency} at once`;
    case "note":
      return event.detail;
    case "draining":
      return "draining: the router gives nothing new";
    case "stopped":
      return "stopped";
  }
}

function shownHints(hints: readonly string[]): string {
  return hints.length === 0 ? "nothing" : shortened(hints.join(", "), 500);
}

/** An option of the client by its flag: `hintSlots` is `--hint-slots`. */
function wordsOf(error: unknown): string {
  if (!(error instanceof FleetOptionError)) return error instanceof Error ? error.message : String(error);
  const flag =
    error.option === "token" ? "heartbeat-token" : error.option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  return `--${flag}${error.message.slice(error.option.length)}`;
}

/** From the package's own package.json, which is above, here or where the compiled file is. */
function versionOf(): string {
  for (const up of ["..", "../../.."]) {
    try {
      return (JSON.parse(readFileSync(path.join(import.meta.dirname, up, "package.json"), "utf8")) as { version: string })
        .version;
    } catch {
      continue;
    }
  }
  return "unknown";
}
