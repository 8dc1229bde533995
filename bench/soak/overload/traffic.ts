// The clients of an overload: requests alike but for their hint, their time of service and their priority, drawn from the seed alone.
import type { Timed } from "../../live/open-loop.ts";
import { seeded, seedFor } from "../../simulate/random.ts";
import { exponential, serviceMs, zipf, type ServiceTimes } from "../draw.ts";
import { APP } from "../fleet.ts";
import type { OverloadSending, Phase } from "./phases.ts";

export interface Offered {
  readonly seed: number;
  readonly phase: Phase;
  readonly perSecond: number;
  readonly lowShare: number;
}

const HINTS = 16;
const ZIPF_EXPONENT = 1;
const SERVICE: ServiceTimes = { leastMs: 150, meanMs: 250, mostMs: 1000 };
const BYTES = 500;

/** Requests without times, without end. */
export function* requestsOf({ seed, phase, lowShare }: Omit<Offered, "perSecond">): Generator<OverloadSending> {
  const random = seeded(seedFor(seed, phase));
  const drawHint = zipf(HINTS, ZIPF_EXPONENT, random);
  for (let number = 1; ; number++) {
    const low = random() < lowShare;
    const key = `${phase}${number}`;
    yield {
      ...{ phase, low, method: "GET", target: `/${APP}/run`, upload: null, leaving: null, readPauseMs: 0, webSocket: false },
      asked: { key, app: APP, hint: drawHint(), serviceMs: serviceMs(random, SERVICE), bytes: BYTES, shape: "whole" },
      headers: low ? { "x-fal-queue-priority": "low" } : {},
    };
  }
}

/** A Poisson process until `untilMs`. */
export function* arrivals(offered: Offered, untilMs: number): Generator<Timed<OverloadSending>> {
  const random = seeded(seedFor(offered.seed, `arrivals of ${offered.phase}`));
  let atMs = 0;
  for (const sending of requestsOf(offered)) {
    atMs += exponential(random, 1000 / offered.perSecond);
    if (atMs >= untilMs) return;
    yield { atMs, sending };
  }
}
