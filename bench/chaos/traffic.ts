// The clients' side of a schedule: which requests go out when, of which kind. Drawn from the seed alone.
import type { Random } from "../simulate/random.ts";
import type { Timed } from "../live/open-loop.ts";
import type { Asked } from "../live/proof.ts";
import type { Leaving, Sending, Upload } from "../live/sending.ts";
import { APPS, HINTS, RETRY_BODY_MAX_BYTES } from "./settings.ts";

export interface ChaosSending extends Sending {
  readonly kind: ClientKind;
  /** The router may send it again: its body can be kept and the client does not forbid it. */
  readonly replayable: boolean;
  /** How long it would wait at most by its own word; null: it does not say. */
  readonly deadlineMs: number | null;
  /** The longest queue it would join; null: any. */
  readonly queueMax: number | null;
}

interface Shape {
  /** Of a hundred requests or so, how many are like this. */
  readonly weight: number;
  readonly method?: string;
  readonly upload?: Upload;
  readonly leaving?: (random: Random) => Leaving;
  readonly readPauseMs?: number;
  readonly webSocket?: true;
  readonly headers?: Readonly<Record<string, string>>;
  readonly query?: string;
  readonly bytes?: readonly [number, number];
  readonly answer?: Asked["shape"];
  readonly streamed?: true;
  readonly serviceMs?: number;
  readonly deadlineMs?: number;
  readonly queueMax?: number;
  readonly unknownApp?: true;
}

const KEPT: Upload = { bytes: 4000, chunked: false, overMs: 0 };
const LONG: readonly [number, number] = [100_000, 400_000];

const SHAPES = {
  get: { weight: 28 },
  get_paced: { weight: 8, answer: "paced", bytes: LONG },
  get_chunked: { weight: 10, answer: "chunked", bytes: [1000, 200_000] },
  /** Longer than what a restart disturbs. */
  get_long: { weight: 2, answer: "chunked", serviceMs: 4000 },
  post: { weight: 12, method: "POST", upload: KEPT },
  post_large: { weight: 4, method: "POST", upload: { ...KEPT, bytes: 2 * RETRY_BODY_MAX_BYTES }, streamed: true },
  post_chunked: { weight: 4, method: "POST", upload: { ...KEPT, chunked: true }, streamed: true },
  no_retry: { weight: 6, headers: { "x-fal-no-retry": "1" }, streamed: true },
  low_priority: { weight: 4, headers: { "x-fal-queue-priority": "low" } },
  leaves_early: { weight: 6, leaving: (random) => ({ when: "after", ms: Math.floor(random() * 250) }) },
  leaves_mid_answer: { weight: 4, leaving: () => ({ when: "mid_answer" }), answer: "chunked", bytes: LONG },
  leaves_mid_upload: { weight: 3, method: "POST", upload: { ...KEPT, overMs: 200 }, leaving: () => ({ when: "mid_upload" }) },
  leaves_mid_stream_up: {
    weight: 2,
    method: "POST",
    upload: { bytes: 100_000, chunked: true, overMs: 200 },
    leaving: () => ({ when: "mid_upload" }),
    streamed: true,
  },
  slow_reader: { weight: 3, readPauseMs: 20, answer: "paced", bytes: LONG },
  slow_writer: { weight: 2, method: "POST", upload: { ...KEPT, overMs: 400 } },
  /** Slower than the router waits for a short body. */
  late_writer: { weight: 1, method: "POST", upload: { ...KEPT, overMs: 3000 } },
  slow_chunked_writer: { weight: 2, method: "POST", upload: { bytes: 4000, chunked: true, overMs: 400 }, streamed: true },
  short_deadline: { weight: 3, headers: { "x-fal-request-timeout": "0.3" }, deadlineMs: 300 },
  short_queue: { weight: 2, query: "?fal_max_queue_length=1", queueMax: 1 },
  web_socket: { weight: 3, webSocket: true },
  web_socket_leaves: { weight: 1, webSocket: true, leaving: () => ({ when: "mid_answer" }) },
  options: { weight: 2, method: "OPTIONS" },
  unknown_app: { weight: 1, unknownApp: true },
  /** Only in crowds: short, and what its replica fails may be sent to another. */
  crowd: { weight: 0, bytes: [10, 2000], serviceMs: 8 },
} as const satisfies Readonly<Record<string, Shape>>;

export type ClientKind = keyof typeof SHAPES;

const KINDS = Object.keys(SHAPES) as readonly ClientKind[];
const WEIGHTS: readonly number[] = KINDS.map((kind) => SHAPES[kind].weight);
const WEIGHT = WEIGHTS.reduce((sum, weight) => sum + weight, 0);

const SERVICE_MS = { least: 10, most: 250 };
const SHORT_BYTES = [10, 20_000] as const;
/** Requests without a hint. */
const UNHINTED_SHARE = 0.1;
const BURST_REQUESTS = 110;

/** Requests at random moments, `perSecond` on average, until `untilMs`. */
export function steadyTraffic(random: Random, perSecond: number, untilMs: number): Timed<ChaosSending>[] {
  const requests: Timed<ChaosSending>[] = [];
  for (let atMs = 0; ;) {
    atMs += gapMs(random, perSecond);
    if (atMs >= untilMs) return requests;
    requests.push({ atMs, sending: sendingOf(random, `s${requests.length}`, drawKind(random), draw(random, APPS)) });
  }
}

/** More than the app's slots and queue can take, within `forMs`. `name` begins their keys. */
export function burst(random: Random, name: string, app: string, fromMs: number, forMs: number): Timed<ChaosSending>[] {
  return Array.from({ length: BURST_REQUESTS }, (_, index) => ({
    atMs: fromMs + (forMs * index) / BURST_REQUESTS,
    sending: sendingOf(random, `${name}.${index}`, burstKind(random), app),
  }));
}

/** Requests for one hint at random moments, `perSecond` on average. `name` begins their keys. */
export function crowd(random: Random, name: string, of: Of, { fromMs, toMs, perSecond }: Lasting): Timed<ChaosSending>[] {
  const requests: Timed<ChaosSending>[] = [];
  for (let atMs = fromMs; ;) {
    atMs += gapMs(random, perSecond);
    if (atMs >= toMs) return requests;
    requests.push({ atMs, sending: sendingOf(random, `${name}.${requests.length}`, "crowd", of.app, of.hint) });
  }
}

interface Of {
  readonly app: string;
  readonly hint: string;
}

interface Lasting {
  readonly fromMs: number;
  readonly toMs: number;
  readonly perSecond: number;
}

/** Exponential. */
function gapMs(random: Random, perSecond: number): number {
  return (-Math.log(1 - random()) * 1000) / perSecond;
}

export function sendingOf(random: Random, key: string, kind: ClientKind, app: string, hint = drawHint(random)): ChaosSending {
  const shape: Shape = SHAPES[kind];
  const [least, most] = shape.bytes ?? SHORT_BYTES;
  const asked: Asked = {
    key,
    app,
    hint,
    serviceMs: shape.serviceMs ?? Math.round(SERVICE_MS.least + (SERVICE_MS.most - SERVICE_MS.least) * random() ** 2),
    bytes: Math.round(least + (most - least) * random()),
    shape: shape.answer ?? "whole",
  };
  const routed = shape.unknownApp === true ? `made-up-${key}` : app;
  return {
    kind,
    asked,
    method: shape.method ?? "GET",
    target: `/${routed}/run${shape.query ?? ""}`,
    headers: shape.headers ?? {},
    upload: shape.upload ?? null,
    leaving: shape.leaving?.(random) ?? null,
    readPauseMs: shape.readPauseMs ?? 0,
    webSocket: shape.webSocket ?? false,
    replayable: shape.streamed !== true,
    deadlineMs: shape.deadlineMs ?? null,
    queueMax: shape.queueMax ?? null,
  };
}

/** Many of those in a burst leave while they wait. */
function burstKind(random: Random): ClientKind {
  const drawn = random();
  return drawn < 0.1 ? drawKind(random) : drawn < 0.3 ? "leaves_early" : "get";
}

function drawKind(random: Random): ClientKind {
  let left = random() * WEIGHT;
  const index = WEIGHTS.findIndex((weight) => (left -= weight) < 0);
  return KINDS[index] ?? "get";
}

function drawHint(random: Random): string | null {
  return random() < UNHINTED_SHARE ? null : draw(random, HINTS);
}

export function draw<T>(random: Random, from: readonly T[]): T {
  return from[Math.floor(random() * from.length)] as T;
}
