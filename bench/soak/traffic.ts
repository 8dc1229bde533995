// The clients of a soak: which requests go out when and of which kind, drawn from the seed alone, made as they are needed.
import type { Timed } from "../live/open-loop.ts";
import type { Asked } from "../live/proof.ts";
import type { Leaving, Sending, Upload } from "../live/sending.ts";
import { seeded, type Random } from "../simulate/random.ts";
import { exponential, serviceMs, weighted, zipf, type ServiceTimes } from "./draw.ts";
import { APP } from "./fleet.ts";

export interface SoakSending extends Sending {
  readonly kind: ClientKind;
  /** The router may send it again: its body, where it has one, can be kept. */
  readonly replayable: boolean;
}

interface Shape {
  readonly weight: number;
  readonly answer?: Asked["shape"];
  readonly bytes?: number;
  readonly upload?: Upload;
  readonly leaving?: (random: Random) => Leaving;
  readonly low?: true;
  readonly webSocket?: true;
}

const KEPT: Upload = { bytes: 8000, chunked: false, overMs: 0 };
const LONG_BYTES = 100_000;
const SHORT_BYTES = 2000;

/** Weights are percent. */
const SHAPES = {
  get: { weight: 36 },
  get_chunked: { weight: 15, answer: "chunked", bytes: LONG_BYTES },
  get_paced: { weight: 8, answer: "paced", bytes: LONG_BYTES },
  post: { weight: 18, upload: KEPT },
  post_chunked: { weight: 4, upload: { ...KEPT, chunked: true } },
  low_priority: { weight: 6, low: true },
  web_socket: { weight: 2, webSocket: true },
  leaves_early: { weight: 5, leaving: (random) => ({ when: "after", ms: Math.floor(random() * 200) }) },
  leaves_mid_answer: { weight: 4, answer: "chunked", bytes: LONG_BYTES, leaving: () => ({ when: "mid_answer" }) },
  leaves_mid_upload: { weight: 2, upload: { ...KEPT, overMs: 100 }, leaving: () => ({ when: "mid_upload" }) },
} as const satisfies Readonly<Record<string, Shape>>;

export type ClientKind = keyof typeof SHAPES;

const WEIGHTS = (Object.keys(SHAPES) as readonly ClientKind[]).map((kind) => [kind, SHAPES[kind].weight] as const);

export const HINTS = 40;
const ZIPF_EXPONENT = 1.1;
export const SERVICE: ServiceTimes = { leastMs: 40, meanMs: 160, mostMs: 1000 };

/** A Poisson process of `perSecond` requests a second on average, until `untilMs`. */
export function* soakTraffic(seed: number, perSecond: number, untilMs: number): Generator<Timed<SoakSending>> {
  const random = seeded(seed);
  const drawHint = zipf(HINTS, ZIPF_EXPONENT, random);
  for (let atMs = 0, number = 1; ; number++) {
    atMs += exponential(random, 1000 / perSecond);
    if (atMs >= untilMs) return;
    yield { atMs, sending: sendingOf(random, `s${number}`, drawHint()) };
  }
}

function sendingOf(random: Random, key: string, hint: string): SoakSending {
  const kind = weighted(random, WEIGHTS);
  const shape: Shape = SHAPES[kind];
  const upload = shape.upload ?? null;
  const bytes = shape.bytes ?? SHORT_BYTES;
  return {
    kind,
    replayable: upload?.chunked !== true,
    asked: { key, app: APP, hint, serviceMs: serviceMs(random, SERVICE), bytes, shape: shape.answer ?? "whole" },
    method: upload === null ? "GET" : "POST",
    target: `/${APP}/run`,
    headers: shape.low === true ? { "x-fal-queue-priority": "low" } : {},
    upload,
    leaving: shape.leaving?.(random) ?? null,
    readPauseMs: 0,
    webSocket: shape.webSocket ?? false,
  };
}
