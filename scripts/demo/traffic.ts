// What happens to the demo's fleet after the sample, without end: requests, and now and then a replica that drains or restarts. Only when and
// what: nothing is sent here. The same seed gives the same.
import { gapMs, randomFrom } from "../../examples/any-model/sample.ts";

/** Times are from the first moment. */
export type TrafficEvent =
  | { readonly kind: "request"; readonly atMs: number; readonly model: string; readonly prompt: string }
  | { readonly kind: "drain" | "undrain" | "restart"; readonly atMs: number; readonly replica: string };

type Random = () => number;

/** More than four replicas hold, three each, so that some loads always remain. The model of rank r is asked for 1/r as often as the first. */
const MODELS = "sdxl flux pixart kandinsky playground kolors wan hunyuan auraflow lumina sana cascade omnigen chroma".split(" ");
const PROMPTS = ["a harbour in the morning", "birches in the wind", "a bridge of glass", "the sea by night"];

/** A light load: four replicas could draw seven times as many. */
const MEAN_GAP_MS = 1200;
/** Requests that come nearly together, for one model or two: more than all replicas take at once, so that a queue forms. */
const BURST = { everyMs: [25_000, 50_000], requests: [8, 16], gapMs: 100 } as const;
/** A replica drains or restarts. One at a time is away: a drain is over before the next. */
const UPSET = { firstMs: 15_000, everyMs: [35_000, 60_000], drainMs: [10_000, 20_000] } as const;

/** In order of time. */
export function* traffic(seed: number, replicas: readonly string[]): Generator<TrafficEvent, never> {
  const random = randomFrom(seed);
  // A sequence of its own for each, so that they do not depend on whose turn it is.
  const own = () => randomFrom(Math.floor(random() * 2 ** 32));
  const sources = [steady(own()), bursts(own()), upsets(own(), replicas)];
  const heads = sources.map((source) => source.next().value);
  for (;;) {
    const first = heads.reduce((first, { atMs }, index) => (atMs < (heads[first]?.atMs ?? Infinity) ? index : first), 0);
    const [head, source] = [heads[first], sources[first]];
    if (head === undefined || source === undefined) throw new Error("a source has no event");
    yield head;
    heads[first] = source.next().value;
  }
}

function* steady(random: Random): Generator<TrafficEvent, never> {
  for (let atMs = 0; ;) {
    atMs += gapMs(random, MEAN_GAP_MS);
    yield request(atMs, popular(random), random);
  }
}

function* bursts(random: Random): Generator<TrafficEvent, never> {
  for (let atMs = 0; ;) {
    atMs += between(BURST.everyMs, random);
    const models = [popular(random), popular(random)];
    for (let left = Math.round(between(BURST.requests, random)); left > 0; left--) {
      atMs += gapMs(random, BURST.gapMs);
      yield request(atMs, one(models, random), random);
    }
  }
}

/** Drains and restarts by turns, of a replica drawn anew each time. */
function* upsets(random: Random, replicas: readonly string[]): Generator<TrafficEvent, never> {
  for (let atMs: number = UPSET.firstMs; ; atMs += between(UPSET.everyMs, random)) {
    const drained = one(replicas, random);
    yield { kind: "drain", atMs, replica: drained };
    atMs += between(UPSET.drainMs, random);
    yield { kind: "undrain", atMs, replica: drained };
    atMs += between(UPSET.everyMs, random);
    yield { kind: "restart", atMs, replica: one(replicas, random) };
  }
}

function request(atMs: number, model: string, random: Random): TrafficEvent {
  return { kind: "request", atMs, model, prompt: one(PROMPTS, random) };
}

/** Zipf's law. */
function popular(random: Random): string {
  const weights = MODELS.map((_, index) => 1 / (index + 1));
  let left = random() * weights.reduce((sum, weight) => sum + weight, 0);
  return MODELS[weights.findIndex((weight) => (left -= weight) < 0)] ?? one(MODELS, random);
}

function one<T>(from: readonly T[], random: Random): T {
  return from[Math.floor(random() * from.length)] as T;
}

function between([low, high]: readonly [number, number], random: Random): number {
  return low + random() * (high - low);
}
