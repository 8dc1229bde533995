// The clients' side of a schedule: which requests go out when, of which kind. Drawn from the seed alone.
import { poisson, weighted, type Shape, type Timed } from "../live/load.ts";
import type { Asked } from "../live/proof.ts";
import type { Sending, Upload } from "../live/records.ts";
import type { Random } from "../simulate/random.ts";
import type { Fault } from "./faults.ts";
import { APPS, HINTS, QUEUE_LENGTH_MAX, RETRY_BODY_MAX_BYTES } from "./settings.ts";

export interface ChaosSending extends Sending {
  readonly kind: ClientKind;
  readonly method: string;
  /** The router may send the request again: its body can be kept and the client does not forbid it. */
  readonly replayable: boolean;
  /** How long the client would wait at most by its own word; null: it does not say. */
  readonly deadlineMs: number | null;
  /** The longest queue that the client would join; null: any. */
  readonly queueMax: number | null;
}

interface ChaosShape extends Shape, Partial<Pick<ChaosSending, "replayable" | "deadlineMs" | "queueMax">> {
  readonly query?: string;
  readonly bytes?: readonly [number, number];
  readonly serviceMs?: number;
  readonly unknownApp?: boolean;
}

const KEPT: Upload = { bytes: 4000, chunked: false, overMs: 0 };
const LONG: readonly [number, number] = [100_000, 400_000];
const POST = { method: "POST", upload: KEPT };
const STREAMED = { method: "POST", replayable: false };
const MID_UPLOAD = () => ({ when: "mid_upload" }) as const;
const MID_ANSWER = () => ({ when: "mid_answer" }) as const;

const SHAPES = {
  get: { weight: 28 },
  get_paced: { weight: 8, answer: "paced", bytes: LONG },
  get_chunked: { weight: 10, answer: "chunked", bytes: [1000, 200_000] },
  /** Longer than what a restart disturbs. */
  get_long: { weight: 2, answer: "chunked", serviceMs: 4000 },
  post: { weight: 12, ...POST },
  post_large: { weight: 4, ...STREAMED, upload: { ...KEPT, bytes: 2 * RETRY_BODY_MAX_BYTES } },
  post_chunked: { weight: 4, ...STREAMED, upload: { ...KEPT, chunked: true } },
  no_retry: { weight: 6, headers: { "x-fal-no-retry": "1" }, replayable: false },
  /** No replica here heeds advice, so a hint counts as being loaded where it is not. */
  announces: { weight: 4, headers: { "x-warmpath-prewarm": HINTS.slice(0, 3).join(",") } },
  low_priority: { weight: 4, headers: { "x-fal-queue-priority": "low" } },
  leaves_early: { weight: 6, leaving: (random) => ({ when: "after", ms: Math.floor(random() * 250) }) },
  leaves_mid_answer: { weight: 4, leaving: MID_ANSWER, answer: "chunked", bytes: LONG },
  leaves_mid_upload: { weight: 3, ...POST, upload: { ...KEPT, overMs: 200 }, leaving: MID_UPLOAD },
  leaves_mid_stream_up: {
    ...{ weight: 2, ...STREAMED, upload: { bytes: 100_000, chunked: true, overMs: 200 }, leaving: MID_UPLOAD },
  },
  slow_reader: { weight: 3, readPauseMs: 20, answer: "paced", bytes: LONG },
  slow_writer: { weight: 2, ...POST, upload: { ...KEPT, overMs: 400 } },
  /** Slower than the router waits for a short body. */
  late_writer: { weight: 1, ...POST, upload: { ...KEPT, overMs: 3000 } },
  slow_chunked_writer: { weight: 2, ...STREAMED, upload: { bytes: 4000, chunked: true, overMs: 400 } },
  short_deadline: { weight: 3, headers: { "x-fal-request-timeout": "0.3" }, deadlineMs: 300 },
  short_queue: { weight: 2, query: "?fal_max_queue_length=1", queueMax: 1 },
  web_socket: { weight: 3, webSocket: true },
  web_socket_leaves: { weight: 1, webSocket: true, leaving: MID_ANSWER },
  options: { weight: 2, method: "OPTIONS" },
  unknown_app: { weight: 1, unknownApp: true },
  /** Only in crowds. These are short, and what their replica fails may be sent to another. */
  crowd: { weight: 0, bytes: [10, 2000], serviceMs: 8 },
} as const satisfies Readonly<Record<string, ChaosShape>>;

export type ClientKind = keyof typeof SHAPES;

const WEIGHTS = (Object.keys(SHAPES) as readonly ClientKind[]).map((kind) => [kind, SHAPES[kind].weight] as const);

const SERVICE_MS = { least: 10, most: 250 };
const SHORT_BYTES = [10, 20_000] as const;
/** The share of requests without a hint. */
const UNHINTED_SHARE = 0.1;
/** Beside one for each slot and each place in the queue. */
const BURST_SPARE = 41;

/** Requests at random moments, `perSecond` on average, until `untilMs`. */
export function steadyTraffic(random: Random, perSecond: number, untilMs: number): Timed<ChaosSending>[] {
  return Array.from(poisson(random, perSecond, 0, untilMs), (atMs, number) => {
    return { atMs, sending: sendingOf(random, `s${number}`, weighted(random, WEIGHTS), draw(random, APPS)) };
  });
}

/** Requests for one hint at random moments, `perSecond` on average. The hint begins their keys. */
export function crowd(random: Random, perSecond: number, { app, hint, atMs, forMs }: Fault): Timed<ChaosSending>[] {
  return Array.from(poisson(random, perSecond, atMs, atMs + forMs), (its, number) => {
    return { atMs: its, sending: sendingOf(random, `${hint}.${number}`, "crowd", app, hint) };
  });
}

/** More requests than the app's slots and queue can take. Many of them leave while they wait. `name` begins their keys. */
export function burst(random: Random, name: string, { app, atMs: fromMs, forMs }: Fault, slots: number): Timed<ChaosSending>[] {
  const length = slots + QUEUE_LENGTH_MAX + BURST_SPARE;
  return Array.from({ length }, (_, index) => {
    const drawn = random();
    const kind = drawn < 0.1 ? weighted(random, WEIGHTS) : drawn < 0.3 ? "leaves_early" : "get";
    return { atMs: fromMs + (forMs * index) / length, sending: sendingOf(random, `${name}.${index}`, kind, app) };
  });
}

export function sendingOf(random: Random, key: string, kind: ClientKind, app: string, hint = drawHint(random)): ChaosSending {
  const { weight: _, query = "", bytes = SHORT_BYTES, answer: shape = "whole", ...others }: ChaosShape = SHAPES[kind];
  const { unknownApp = false, leaving, serviceMs, ...rest } = others;
  const [least, most] = bytes;
  const drawnMs = () => Math.round(SERVICE_MS.least + (SERVICE_MS.most - SERVICE_MS.least) * random() ** 2);
  const asked: Asked = {
    ...{ key, app, hint, serviceMs: serviceMs ?? drawnMs(), bytes: Math.round(least + (most - least) * random()), shape },
  };
  const target = `/${unknownApp ? `made-up-${key}` : app}/run${query}`;
  const leaves = leaving === undefined ? {} : { leaving: leaving(random) };
  return { method: "GET", replayable: true, deadlineMs: null, queueMax: null, ...rest, ...leaves, kind, asked, target };
}

function drawHint(random: Random): string | null {
  return random() < UNHINTED_SHARE ? null : draw(random, HINTS);
}

export function draw<T>(random: Random, from: readonly T[]): T {
  return from[Math.floor(random() * from.length)] as T;
}
