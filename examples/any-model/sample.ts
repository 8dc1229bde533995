// A client of the app: requests that say in a header which model they need, several at a time, some models far more popular than
// others. `npm start` sends them through the router.

/** How often each model is asked for, out of 24. */
const POPULARITY: Readonly<Record<string, number>> = { sdxl: 9, flux: 6, pixart: 4, kandinsky: 3, playground: 2 };
const SCENES = ["a lighthouse at dusk", "hills under fresh snow", "a desert after rain", "an island in the fog"];
const SEED = 20;
/** More than the demo's four replicas take, so that some wait. */
const AT_ONCE = 5;

export interface Sample {
  readonly number: number;
  readonly model: string;
  readonly prompt: string;
}

export interface Answered {
  readonly sample: Sample;
  readonly status: number;
  readonly replica: string;
  readonly reason: string;
  /** Whether the request had to wait for a load on its replica; by the replica's own word. */
  readonly cold: boolean;
  /** Time in the router's queue, and from sending to the answer's last byte. */
  readonly waitedMs: number;
  readonly totalMs: number;
}

/** The requests, in an order that looks random and is always the same. */
export function sampleRequests(): readonly Sample[] {
  const models = Object.entries(POPULARITY).flatMap(([model, times]) => Array.from({ length: times }, () => model));
  const random = randomFrom(SEED);
  for (let last = models.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [models[last], models[other]] = [models[other] ?? "", models[last] ?? ""];
  }
  return models.map((model, index) => ({ number: index + 1, model, prompt: SCENES[index % SCENES.length] ?? "" }));
}

/** Sends them all, a few at a time, and tells each answer as it comes. */
export async function sendAll(
  appUrl: string,
  samples: readonly Sample[],
  signal: AbortSignal,
  onAnswer: (answered: Answered) => void,
): Promise<void> {
  const queue = samples.values();
  const sender = async () => {
    for (const sample of queue) onAnswer(await send(appUrl, sample, signal));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, sender));
}

async function send(appUrl: string, sample: Sample, signal: AbortSignal): Promise<Answered> {
  const sentAtMs = performance.now();
  const response = await fetch(appUrl, {
    method: "POST",
    headers: { "content-type": "application/json", "x-fal-runner-hint": sample.model },
    body: JSON.stringify({ model: sample.model, prompt: sample.prompt }),
    signal,
  });
  await response.arrayBuffer();
  const timing = response.headers.get("server-timing") ?? "";
  return {
    sample,
    status: response.status,
    replica: response.headers.get("x-fal-served-from") ?? "none",
    reason: response.headers.get("x-warmpath-reason") ?? response.headers.get("x-fal-error-type") ?? "",
    cold: durationMs(timing, "load") !== null,
    waitedMs: durationMs(timing, "queue") ?? 0,
    totalMs: performance.now() - sentAtMs,
  };
}

/** One metric of a Server-Timing header, such as `load;dur=2001, draw;dur=700, queue;dur=0`. */
function durationMs(serverTiming: string, metric: string): number | null {
  const match = new RegExp(`(?:^|,)\\s*${metric};dur=([\\d.]+)`).exec(serverTiming);
  return match === null ? null : Number(match[1]);
}

/** Mulberry32: a few lines give the same numbers everywhere. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
