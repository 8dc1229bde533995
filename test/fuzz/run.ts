// Drives inputs through the router in batches, several connections at once, and says what came of them.
import { drawOf, inputOf } from "./generate.ts";
import { APPS, KINDS, type Input, type Kind } from "./input.ts";
import { Lane, type Result } from "./lane.ts";
import { isAllowed } from "./outcome.ts";
import { settingsFault } from "./setting-inputs.ts";
import { smallest, type Culprit } from "./smallest.ts";
import { CRASH, World } from "./world.ts";

const LANES = 16;
const BATCH = 2000;
/** What a connection takes at once. */
const PORTION = 32;
/** After so many different faults the rest would tell nothing new. */
const FAULTS_MAX = 10;

export interface RunOptions {
  readonly count: number;
  readonly seed: number;
  readonly signal?: AbortSignal;
  readonly progress?: (done: number) => void;
}

export interface Tally {
  count: number;
  /** Of each outcome, how often: an input alone on its connection may have several. */
  readonly outcomes: Map<string, number>;
  violations: number;
}

export interface Violation {
  readonly fault: string;
  /** How many inputs, or batches where it can't be told from an answer. */
  times: number;
  /** The smallest input that shows it; null: none does alone. */
  input: Culprit | null;
}

export interface Report {
  readonly tallies: ReadonlyMap<Kind, Tally>;
  readonly violations: readonly Violation[];
  readonly crashes: number;
  /** Different lines in its log. */
  readonly logged: number;
  readonly stateChanges: number;
  readonly sent: number;
  readonly tookMs: number;
}

export async function run({ count, seed, signal, progress = () => {} }: RunOptions): Promise<Report> {
  const startMs = performance.now();
  const tallies = new Map<Kind, Tally>(KINDS.map((kind) => [kind, { count: 0, outcomes: new Map(), violations: 0 }]));
  const violations = new Map<string, Violation>();
  const found = (fault: string, input: Culprit | null) => {
    const known = violations.get(fault) ?? { fault, times: 0, input };
    known.times++;
    if (input !== null && (known.input === null || input.bytes.length < known.input.bytes.length)) known.input = input;
    violations.set(fault, known);
  };
  const suspects: { readonly fault: string; readonly inputs: readonly Input[] }[] = [];
  let sent = 0;
  let world = await World.start();
  const stop = () => void world.router.process.stop();
  signal?.addEventListener("abort", stop, { once: true });
  try {
    while (sent < count && violations.size < FAULTS_MAX && signal?.aborted !== true) {
      const from = sent;
      const inputs: Input[] = [];
      for (; sent < Math.min(count, from + BATCH); sent++) {
        const input = inputOf(seed, sent);
        if (input === null) setting(seed, sent, tallies, found);
        else inputs.push(input);
      }
      const results = await sendAll(world.router.port, inputs, (done) => progress(from + done));
      for (const result of results) judge(result, tallies, found);
      const faults = await world.faults(results);
      for (const fault of faults) {
        if (!violations.has(fault)) suspects.push({ fault, inputs });
        found(fault, null);
      }
      if (!faults.includes(CRASH)) continue;
      await world[Symbol.asyncDispose]();
      world = await World.start();
    }
    for (const { fault, inputs } of suspects) {
      const violation = violations.get(fault);
      if (violation !== undefined && signal?.aborted !== true) violation.input = await smallest(fault, inputs);
    }
  } finally {
    signal?.removeEventListener("abort", stop);
    await world[Symbol.asyncDispose]();
  }
  const all = [...violations.values()];
  const times = (prefix: string) =>
    all.filter(({ fault }) => fault.startsWith(prefix)).reduce((sum, { times }) => sum + times, 0);
  return {
    tallies,
    violations: all,
    crashes: times("crash"),
    logged: times("log"),
    stateChanges: times("state"),
    sent,
    tookMs: performance.now() - startMs,
  };
}

/** All inputs over several connections, some at a time to the one that is free. Where the router ends, so does this. */
export async function sendAll(port: number, inputs: readonly Input[], progress: (done: number) => void): Promise<Result[]> {
  const results: Result[] = [];
  const rest = [...inputs].reverse();
  const lanes = Array.from({ length: LANES }, async () => {
    const lane = new Lane(port);
    try {
      while (rest.length > 0) {
        const some = rest.splice(-PORTION).reverse();
        await lane.send(some, (result) => results.push(result));
        progress(results.length);
      }
    } catch {
      rest.length = 0;
    } finally {
      lane.close();
    }
  });
  await Promise.all(lanes);
  return results;
}

type Found = (fault: string, input: Culprit | null) => void;

function judge({ input, outcomes }: Result, tallies: ReadonlyMap<Kind, Tally>, found: Found): void {
  for (const outcome of outcomes) count(tallies, input.kind, shortened(outcome));
  const tally = tallies.get(input.kind);
  if (tally !== undefined) tally.count++;
  for (const outcome of outcomes) {
    if (isAllowed(input, outcome)) continue;
    if (tally !== undefined) tally.violations++;
    found(`answer: ${input.kind} (${input.fault}): ${outcome}`, { bytes: input.bytes, allowed: input.allowed });
  }
}

function setting(seed: number, number: number, tallies: ReadonlyMap<Kind, Tally>, found: Found): void {
  const { shown, outcome, wrong } = settingsFault(drawOf(seed, `setting ${number}`));
  count(tallies, "setting", outcome);
  const tally = tallies.get("setting");
  if (tally === undefined) return;
  tally.count++;
  if (wrong === null) return;
  tally.violations++;
  found(`settings: ${wrong}`, { bytes: Buffer.from(shown), allowed: [] });
}

function count(tallies: ReadonlyMap<Kind, Tally>, kind: Kind, outcome: string): void {
  const outcomes = tallies.get(kind)?.outcomes;
  outcomes?.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
}

/** Without the field, and without which replica. */
function shortened(outcome: string): string {
  const [status = "", type = ""] = outcome.split(" ");
  return Object.values(APPS).some((id) => outcome.endsWith(` from ${id}`)) ? `${status} replica` : `${status} ${type}`.trim();
}
