// A client of the app: requests that say in a header which model they need, at times that look random, some models far more popular
// than others. `npm start` sends them through the router, and the same ones to replicas without it.

/** How often each model is asked for, out of 24. */
const POPULARITY: Readonly<Record<string, number>> = { sdxl: 9, flux: 6, pixart: 4, kandinsky: 3, playground: 2 };
const SCENES = ["a lighthouse at dusk", "hills under fresh snow", "a desert after rain", "an island in the fog"];
/** Drawing alone keeps the demo's four replicas busy for less than half of this, so there is time to load models. */
export const MEAN_GAP_MS = 400;

export interface Sample {
  readonly number: number;
  /** From the first moment. */
  readonly atMs: number;
  readonly model: string;
  readonly prompt: string;
}

export interface Answered {
  readonly status: number;
  /** Who served it, and why, by the router's word. Null: no router was there, or it says nothing. */
  readonly replica: string | null;
  readonly reason: string | null;
  /** How long its model took to load, by the replica's word. Null: it was loaded. */
  readonly loadMs: number | null;
  /** Time in the queue of the router and in the line of the replica, and from sending to the answer's last byte. */
  readonly waitedMs: number;
  readonly totalMs: number;
}

/** The requests, in order of time. The same seed gives the same ones. */
export function sampleRequests(seed: number): readonly Sample[] {
  const models = Object.entries(POPULARITY).flatMap(([model, times]) => Array.from({ length: times }, () => model));
  const random = randomFrom(seed);
  for (let last = models.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [models[last], models[other]] = [models[other] ?? "", models[last] ?? ""];
  }
  let atMs = 0;
  return models.map((model, index) => {
    atMs += gapMs(random, MEAN_GAP_MS);
    return { number: index + 1, atMs, model, prompt: SCENES[index % SCENES.length] ?? "" };
  });
}

/** The time to the next of events that are independent of each other. */
export function gapMs(random: () => number, meanMs: number): number {
  return -Math.log(1 - random()) * meanMs;
}

/** `url`: the app at a router, or a replica. */
export async function send(
  url: string,
  { model, prompt }: Pick<Sample, "model" | "prompt">,
  signal: AbortSignal,
): Promise<Answered> {
  const sentAtMs = performance.now();
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", "x-fal-runner-hint": model },
    body: JSON.stringify({ model, prompt }),
    signal,
  });
  await response.arrayBuffer();
  const timing = response.headers.get("server-timing") ?? "";
  return {
    status: response.status,
    replica: response.headers.get("x-fal-served-from"),
    reason: response.headers.get("x-warmpath-reason") ?? response.headers.get("x-fal-error-type"),
    loadMs: durationMs(timing, "load"),
    waitedMs: (durationMs(timing, "queue") ?? 0) + (durationMs(timing, "line") ?? 0),
    totalMs: performance.now() - sentAtMs,
  };
}

/** One metric of a Server-Timing header, such as `line;dur=0, load;dur=2001, draw;dur=700, queue;dur=0`. */
function durationMs(serverTiming: string, metric: string): number | null {
  const match = new RegExp(`(?:^|,)\\s*${metric};dur=([\\d.]+)`).exec(serverTiming);
  return match === null ? null : Number(match[1]);
}

/** Mulberry32: a few lines give the same numbers everywhere. */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
