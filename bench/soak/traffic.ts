// The clients of a soak: which requests go out when and of which kind, drawn from the seed alone, made as they are needed; and whether the
// outcome of a request may happen in a fleet whose only trouble is that replicas die.
import { poisson, serviceMs, weighted, zipf, type ServiceTimes, type Shape, type Timed } from "../live/load.ts";
import { resultOf, type Came, type Sending, type Upload } from "../live/records.ts";
import { seeded } from "../simulate/random.ts";

export interface SoakSending extends Sending {
  readonly kind: ClientKind;
  /** The router may send the request again: its body, if it has one, can be kept. */
  readonly replayable: boolean;
}

export const APP = "soaked";
const KEPT: Upload = { bytes: 8000, chunked: false, overMs: 0 };

const SHAPES = {
  get: { weight: 36 },
  get_chunked: { weight: 15, answer: "chunked" },
  get_paced: { weight: 8, answer: "paced" },
  post: { weight: 18, upload: KEPT },
  post_chunked: { weight: 4, upload: { ...KEPT, chunked: true } },
  low_priority: { weight: 6, headers: { "x-fal-queue-priority": "low" } },
  web_socket: { weight: 2, webSocket: true },
  leaves_early: { weight: 5, leaving: (random) => ({ when: "after", ms: Math.floor(random() * 200) }) },
  leaves_mid_answer: { weight: 4, answer: "chunked", leaving: () => ({ when: "mid_answer" }) },
  leaves_mid_upload: { weight: 2, upload: { ...KEPT, overMs: 100 }, leaving: () => ({ when: "mid_upload" }) },
} as const satisfies Readonly<Record<string, Shape>>;

export type ClientKind = keyof typeof SHAPES;
const WEIGHTS = (Object.keys(SHAPES) as readonly ClientKind[]).map((kind) => [kind, SHAPES[kind].weight] as const);

/** Answers in one piece are short. */
const BYTES = { whole: 2000, chunked: 100_000, paced: 100_000 };
export const HINTS = 40;
const ZIPF_EXPONENT = 1.1;
export const SERVICE: ServiceTimes = { leastMs: 40, meanMs: 160, mostMs: 1000 };

/** A Poisson process of `perSecond` requests a second on average, until `untilMs`. */
export function* soakTraffic(seed: number, perSecond: number, untilMs: number): Generator<Timed<SoakSending>> {
  const random = seeded(seed);
  const drawHint = zipf(HINTS, ZIPF_EXPONENT, random);
  let number = 0;
  for (const atMs of poisson(random, perSecond, 0, untilMs)) {
    const hint = drawHint();
    const kind = weighted(random, WEIGHTS);
    const { weight: _, answer: shape = "whole", leaving, ...rest }: Shape = SHAPES[kind];
    const asked = { key: `s${++number}`, app: APP, hint, serviceMs: serviceMs(random, SERVICE), bytes: BYTES[shape], shape };
    const leaves = leaving === undefined ? {} : { leaving: leaving(random) };
    const replayable = rest.upload?.chunked !== true;
    yield { atMs, sending: { ...rest, ...leaves, kind, replayable, asked, target: `/${APP}/run` } };
  }
}

/** `aDeath`: a replica was dead while the request was there. */
export function outcomeOf({ leaving, webSocket, replayable }: SoakSending, came: Came, aDeath: boolean) {
  const name = resultOf(came);
  if (name === "left") return { name, expected: leaving !== undefined };
  // What has begun to be answered, or can't be sent again, shares its replica's fate. A WebSocket is closed then, with another code than the
  // replica's.
  const brokenOff = (name === "broken" && came.headersMs !== null) || (name === "wrong answer" && webSocket === true);
  const lost = name === "502 runner_disconnected" && !replayable;
  if (aDeath && (brokenOff || lost)) return { name: `${name} by a death`, expected: true };
  return { name, expected: name === "200" };
}
