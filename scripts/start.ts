// `npm start`: the main job on one machine. The router on workerd, four replicas as processes of their own, sample requests with
// what was decided and why; then it stays up to be tried by hand. Nothing outlives it, however it ends.
import { spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { styleText } from "node:util";
import { SIMULATED_DRAW_MS, SIMULATED_LOAD_MS } from "../examples/any-model/models.ts";
import { sampleRequests, sendAll, type Answered } from "../examples/any-model/sample.ts";
import { bundle, PROJECT } from "./bundle.ts";
import { interrupted } from "./interrupted.ts";
import { printTrouble, startRouter, type RouterProcess } from "./router-process.ts";
import { helpAlone } from "./usage.ts";

const USAGE = `Usage: npm start

Runs the router and a demo fleet of four replicas on this machine, sends it sample requests, prints what was decided and why,
and stays up until it is interrupted. The replicas' models are simulated (examples/any-model).

  PORT   port of the router (8787); 0: any free one`;

const REPLICAS = ["gpu-1", "gpu-2", "gpu-3", "gpu-4"];
const READY_WITHIN_MS = 15_000;
const POLL_MS = 50;
/** What a replica gets to say goodbye, and everything together, before it is ended the hard way. */
const GOODBYE_MS = 1000;
const END_WITHIN_MS = 4500;

interface FleetView {
  readonly replicas: readonly {
    readonly replica: string;
    readonly status: string;
    readonly served: number;
    readonly hints: readonly string[] | null;
  }[];
}

interface Demo {
  readonly appUrl: string;
  readonly fleetUrl: string;
  readonly adminToken: string;
  readonly replicas: readonly ChildProcess[];
  /** Aborted when the demo is to end. */
  readonly signal: AbortSignal;
}

helpAlone(USAGE);
// A reader that leaves, as in `npm start | head`, ends the demo without a stack trace.
process.stdout.on("error", () => process.kill(process.pid, "SIGTERM"));
const port = Number(process.env["PORT"] ?? 8787);
const interruption = new AbortController();
void interrupted().then(() => {
  // Children hold on to this process's pipes and end with it, so leaving is always safe.
  setTimeout(() => process.exit(0), END_WITHIN_MS).unref();
  interruption.abort();
});

try {
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new Error(`PORT must be a port, not ${process.env["PORT"]}`);
  await demo(interruption.signal);
  process.exit(0);
} catch (error) {
  // The build blocks the event loop: only after a turn of it is an interruption known that made the build fail.
  await sleep(10);
  if (interruption.signal.aborted) process.exit(0);
  console.error(`warmpath: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}

/** Runs until interrupted. Whatever was started by then ends on the way out, last first. */
async function demo(interruption: AbortSignal): Promise<void> {
  await using started = new AsyncDisposableStack();
  bundle();
  await sleep(0);
  interruption.throwIfAborted();
  const stateFolder = mkdtempSync(path.join(tmpdir(), "warmpath-demo-"));
  started.defer(() => rmSync(stateFolder, { recursive: true, force: true }));
  const heartbeatToken = randomBytes(16).toString("hex");
  const adminToken = randomBytes(16).toString("hex");
  const router = await startDemoRouter(stateFolder, heartbeatToken, adminToken);
  started.defer(() => router.stop());
  const failure = new AbortController();
  void router.ended.then(() => failure.abort(new Error("workerd ended")));
  const signal = AbortSignal.any([interruption, failure.signal]);
  const replicas = REPLICAS.map((id) => startReplica(id, router.url, heartbeatToken));
  started.defer(() => endReplicas(replicas));
  const fleetUrl = `${router.url}/-/apps/any-model`;
  const running: Demo = { appUrl: `${router.url}/any-model/`, fleetUrl, adminToken, replicas, signal };
  await untilReady(running);
  await showSamples(running);
  await showFleet(running);
  showCommands(running);
  if (!signal.aborted) await once(signal, "abort");
  if (failure.signal.aborted && !interruption.aborted) throw failure.signal.reason;
  console.log("\nstopping");
}

function startDemoRouter(stateFolder: string, heartbeatToken: string, adminToken: string): Promise<RouterProcess> {
  const settings = {
    HEARTBEAT_TOKENS: heartbeatToken,
    ADMIN_TOKEN: adminToken,
    ALLOW_PRIVATE_ORIGINS: "true",
    COLD_START_MS: String(SIMULATED_LOAD_MS),
  };
  return startRouter({ port, stateFolder, settings, log: printTrouble });
}

/** A replica holds on to this process by its standard input. Of what it says only problems are passed on. */
function startReplica(id: string, routerUrl: string, heartbeatToken: string): ChildProcess {
  const program = path.join(PROJECT, "examples", "any-model", "replica.ts");
  const child = spawn(process.execPath, [program, "--exit-with-stdin", "--port", "0", "--id", id, "--router", routerUrl], {
    stdio: ["pipe", "ignore", "pipe"],
    env: { PATH: process.env["PATH"], HEARTBEAT_TOKEN: heartbeatToken },
  });
  createInterface({ input: child.stderr }).on("line", (line) => console.error(`${id}: ${line}`));
  child.stdin.on("error", () => {});
  return child;
}

async function endReplicas(replicas: readonly ChildProcess[]): Promise<void> {
  const running = replicas.filter((child) => child.exitCode === null && child.signalCode === null);
  const ended = running.map((child) => once(child, "exit"));
  for (const child of running) child.kill("SIGTERM");
  const late = setTimeout(() => running.forEach((child) => child.kill("SIGKILL")), GOODBYE_MS);
  await Promise.all(ended);
  clearTimeout(late);
}

async function untilReady(demo: Demo): Promise<void> {
  const { appUrl, replicas, signal } = demo;
  const startedAtMs = performance.now();
  for (;;) {
    const view = await viewFleet(demo);
    const ready = view?.replicas.filter(({ status }) => status === "ready").length ?? 0;
    if (ready === REPLICAS.length) break;
    const dead = replicas.findIndex((child) => child.exitCode !== null);
    if (dead >= 0) throw new Error(`the replica ${REPLICAS[dead]} ended before it was ready`);
    if (performance.now() - startedAtMs > READY_WITHIN_MS) throw new Error(`only ${ready} replicas were ready in time`);
    await sleep(POLL_MS, undefined, { signal });
  }
  const [load, image] = [`${SIMULATED_LOAD_MS / 1000} s`, `${SIMULATED_DRAW_MS / 1000} s`];
  console.log(`The router is ready at ${appUrl} with ${REPLICAS.length} replicas.`);
  console.log(`Each holds 3 models. Models are simulated: a load takes ${load}, an image ${image}.\n`);
}

/** The fleet as the router believes it to be; null before the first heartbeat. */
async function viewFleet({ fleetUrl, adminToken, signal }: Demo): Promise<FleetView | null> {
  const response = await fetch(fleetUrl, { headers: { authorization: `Bearer ${adminToken}` }, signal });
  const body = (await response.json()) as FleetView;
  return response.ok ? body : null;
}

async function showSamples({ appUrl, signal }: Demo): Promise<void> {
  const samples = sampleRequests();
  const answers: Answered[] = [];
  const startedAtMs = performance.now();
  console.log(row("#", "hint", "replica", "reason", "model", "waited", "total"));
  await sendAll(appUrl, samples, signal, (answered) => {
    answers.push(answered);
    console.log(rowOf(answered));
  });
  const tookS = seconds(performance.now() - startedAtMs);
  const good = answers.filter(({ status }) => status === 200);
  const cold = good.filter((answered) => answered.cold).length;
  const failed = answers.length - good.length;
  const loads = `${cold} waited for a model to load, ${good.length - cold} found theirs warm`;
  console.log(`\n${answers.length} requests in ${tookS}: ${loads}${failed === 0 ? "" : `, ${failed} failed`}.\n`);
}

function rowOf({ sample, status, replica, reason, cold, waitedMs, totalMs }: Answered): string {
  const model = status === 200 ? (cold ? "cold" : "warm") : String(status);
  const line = row(`${sample.number}`, sample.model, replica, reason, model, seconds(waitedMs), seconds(totalMs));
  // styleText leaves colours out where they are not wanted (NO_COLOR); a pipe never gets any.
  return process.stdout.isTTY ? styleText(status === 200 ? (cold ? "yellow" : "green") : "red", line) : line;
}

/** At most 76 columns. */
function row(...cells: [string, string, string, string, string, string, string]): string {
  const [number, hint, replica, reason, model, waited, total] = cells;
  const texts = [hint.padEnd(12), replica.padEnd(9), reason.padEnd(14), model.padEnd(7)];
  return [number.padStart(2), ...texts, waited.padStart(8), total.padStart(8)].join("  ");
}

async function showFleet(demo: Demo): Promise<void> {
  const view = await viewFleet(demo);
  const replicas = [...(view?.replicas ?? [])].sort((a, b) => a.replica.localeCompare(b.replica));
  for (const { replica, served, hints } of replicas) {
    console.log(`${replica.padEnd(8)}${String(served).padStart(3)} requests, now holds ${hints?.join(", ") || "nothing"}`);
  }
}

function showCommands({ appUrl, fleetUrl, adminToken }: Demo): void {
  const headers = `-H 'content-type: application/json' -H 'x-fal-runner-hint: sdxl'`;
  const body = `{"model":"sdxl","prompt":"a castle in the clouds"}`;
  console.log(`
Try it. This saves an image and shows which replica made it and why:

curl -sS -D - -o image.svg ${headers} -d '${body}' ${appUrl}

This shows the fleet:

curl -sS -H 'authorization: Bearer ${adminToken}' ${fleetUrl}

Ctrl-C stops everything.`);
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}
