// One way, one run: cold replicas, the workload's pages at their times, and what became of each.
import { cpus } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import type { Reading } from "../answers.ts";
import type { Outcome, Run } from "./outcome.ts";
import { pngOf } from "./picture.ts";
import { shareRead } from "./text.ts";
import type { Size, Way } from "./ways.ts";
import type { Page } from "./workload.ts";

/** A page that takes longer counts as failed. */
const PATIENCE_MS = 30_000;

/** Throws if a replica ends, or on an interruption. */
export async function run(
  way: Way,
  pages: readonly Page[],
  size: Size,
  signal: AbortSignal,
  onDone: (done: number) => void,
): Promise<Run> {
  const pictures = pages.map(({ lines }) => new Uint8Array(pngOf(lines)));
  await using front = await way.start(size, signal);
  const ending = AbortSignal.any([signal, front.fleet.failure]);
  const before = await usage();
  const startMs = performance.now();
  let done = 0;
  const outcomes = await Promise.all(
    pages.map(async (page, index) => {
      const atMs = startMs + page.atMs;
      await sleep(atMs - performance.now(), undefined, { signal: ending });
      const outcome = await send(front.url, page, pictures[index] ?? new Uint8Array(), atMs, ending);
      onDone(++done);
      return outcome;
    }),
  ).catch((error: unknown) => Promise.reject(ending.aborted ? ending.reason : error));
  const after = await usage();
  const passed = (after.atMs - before.atMs) * cpus().length;
  const own = (after.ownMs - before.ownMs) / passed;
  const busy = (after.busyMs - before.busyMs) / passed;
  return { way: way.name, outcomes, reports: after.reports, busy: { own, other: Math.max(0, busy - own) } };

  async function usage() {
    const reports = await front.fleet.reports();
    const ownMs = reports.reduce((sum, { cpu_ms }) => sum + cpu_ms, front.cpuMs() ?? 0);
    const busyMs = cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0);
    return { atMs: performance.now(), reports, ownMs, busyMs };
  }
}

async function send(
  url: string,
  { language, lines }: Page,
  picture: Uint8Array<ArrayBuffer>,
  atMs: number,
  ending: AbortSignal,
): Promise<Outcome> {
  const over = (its: Omit<Outcome, "latencyMs">): Outcome => ({ latencyMs: performance.now() - atMs, ...its });
  try {
    const response = await fetch(`${url}?language=${language}`, {
      method: "POST",
      headers: { "content-type": "image/png", "x-fal-runner-hint": language },
      body: picture,
      signal: AbortSignal.any([ending, AbortSignal.timeout(PATIENCE_MS)]),
    });
    const text = await response.text();
    if (response.status !== 200) return over({ reading: null, fault: `${response.status} ${text.slice(0, 200)}`, wordsRead: 0 });
    const reading = JSON.parse(text) as Reading;
    return over({ reading, fault: null, wordsRead: shareRead(lines, reading.text) });
  } catch (error) {
    ending.throwIfAborted();
    return over({ reading: null, fault: error instanceof Error ? error.message : String(error), wordsRead: 0 });
  }
}
