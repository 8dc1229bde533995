// `npm start`: the main job on one machine. The router on workerd, four replicas as processes of their own, sample requests with what was decided
// and why, and round robin beside it. Then it stays up, with some traffic, to be looked at and tried by hand. Nothing outlives it, however it ends.
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { InvalidArgumentError } from "@commander-js/extra-typings";
import { SIMULATED_DRAW_MS, SIMULATED_LOAD_MS } from "../examples/any-model/models.ts";
import { MEAN_GAP_MS, sampleRequests } from "../examples/any-model/sample.ts";
import { signInLink } from "../src/dashboard/session.ts";
import { bundle } from "./bundle.ts";
import { compare } from "./demo/comparison.ts";
import { invitation } from "./demo/invitation.ts";
import { keepBusy } from "./demo/keep-busy.ts";
import { Replicas } from "./demo/replicas.ts";
import { RunningRouter } from "./demo/router.ts";
import { headings, rowOf, summaryOf } from "./demo/table.ts";
import { traffic } from "./demo/traffic.ts";
import { interrupted } from "./interrupted.ts";
import { commandOf } from "./usage.ts";

const SEED = 20;
const SEED_MAX = 2 ** 31 - 1;

const USAGE = `Usage: npm start -- [options]

Runs the router and a demo fleet of four replicas on this machine, sends it
sample requests, and prints what was decided and why. Round robin runs beside
it: the same requests at the same moments to four other replicas, without the
router. The replicas' models are simulated (examples/any-model).

The demo stays up until it is interrupted, with a light traffic that goes on:
bursts in which a queue forms, and now and then a replica that drains or
restarts.

  --quiet         no traffic after the sample: the fleet is left to you
  --seed <seed>   other sample requests and another traffic; an integer (${SEED})
  -h, --help      this text

  PORT            port of the router (8787); 0: any free one`;

const NAMES = ["gpu-1", "gpu-2", "gpu-3", "gpu-4"];
const ROUND_ROBIN_NAMES = ["rr-1", "rr-2", "rr-3", "rr-4"];
const READY_WITHIN_MS = 15_000;
const POLL_MS = 50;
/** What everything together gets to end. */
const END_WITHIN_MS = 4500;

const command = commandOf(USAGE).option("--quiet", "", false).option("--seed <seed>", "", seedOf, SEED).parse();
const { quiet, seed } = command.opts();
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
  const router = started.use(await RunningRouter.start(port, stateFolder));
  const failure = new AbortController();
  void router.ended.then(() => failure.abort(new Error("workerd ended")));
  const signal = AbortSignal.any([interruption, failure.signal]);
  const reporting = { routerUrl: router.url, heartbeatToken: router.heartbeatToken };
  const replicas = started.use(new Replicas(NAMES, reporting));
  await beside(router, replicas, signal);
  await showFleet(router);
  const dashboard = await signInLink(router.url, router.adminToken, randomUUID(), Date.now());
  console.log(`\n${invitation(router, dashboard, quiet)}`);
  if (quiet) await once(signal, "abort");
  else await keepBusy(router, replicas, traffic(seed, NAMES), signal);
  if (failure.signal.aborted && !interruption.aborted) throw failure.signal.reason;
  console.log("\nstopping");
}

/** The sample on both fleets. Round robin's is there for that long. */
async function beside(router: RunningRouter, replicas: Replicas, signal: AbortSignal): Promise<void> {
  await using others = new Replicas(ROUND_ROBIN_NAMES, null);
  await untilReady(router, replicas, signal);
  const targets = (await others.origins()).map((origin, index) => ({ name: others.names[index] ?? "", url: `${origin}/` }));
  const samples = sampleRequests(seed);
  const [load, image] = [SIMULATED_LOAD_MS, SIMULATED_DRAW_MS].map((ms) => `${ms / 1000} s`);
  console.log(`The router is ready at ${router.appUrl} with ${NAMES.length} replicas.
Each holds 3 models and serves one request at a time. Models are simulated: a
load takes ${load}, an image ${image}.

${samples.length} requests, one every ${MEAN_GAP_MS / 1000} s on average, go to them through Warmpath. At the
same moments the same requests go by turns (round robin, without a router) to
${targets.length} others like them. All are empty at first. A row comes when both have
answered. Times are in seconds: waiting for a turn, and from sending to the
last byte.
`);
  console.log(headings());
  const pairs = await compare(samples, router.appUrl, targets, signal, (pair) => console.log(rowOf(pair)));
  console.log(`\n${summaryOf(pairs)}

This was measured just now. ${samples.length} requests are a small sample: --seed draws
others, and npm run simulate compares policies on thousands.\n`);
}

async function untilReady(router: RunningRouter, replicas: Replicas, signal: AbortSignal): Promise<void> {
  const startedAtMs = performance.now();
  for (;;) {
    const view = await router.fleet();
    const ready = view?.replicas.filter(({ status }) => status === "ready").length ?? 0;
    if (ready === NAMES.length) return;
    const dead = replicas.dead();
    if (dead !== null) throw new Error(`the replica ${dead} ended before it was ready`);
    if (performance.now() - startedAtMs > READY_WITHIN_MS) throw new Error(`only ${ready} replicas were ready in time`);
    await sleep(POLL_MS);
    signal.throwIfAborted();
  }
}

async function showFleet(router: RunningRouter): Promise<void> {
  const view = await router.fleet();
  const replicas = [...(view?.replicas ?? [])].sort((a, b) => a.replica.localeCompare(b.replica));
  for (const { replica, served, hints } of replicas) {
    console.log(`${replica.padEnd(8)}${String(served).padStart(3)} requests, now holds ${hints?.join(", ") || "nothing"}`);
  }
}

function seedOf(text: string): number {
  const seed = /^\d+$/.test(text) ? Number(text) : NaN;
  if (seed <= SEED_MAX) return seed;
  throw new InvalidArgumentError(`It must be an integer from 0 to ${SEED_MAX}.`);
}
