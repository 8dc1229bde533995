// The last hour by minute: differences of counters that only grow, kept by whoever asks or counts, without a timer.
import { expect, test } from "vitest";
import { failed, succeeded } from "../../src/routing/lifecycle.ts";
import { LIMITS } from "../../src/routing/limits.ts";
import { quantileS } from "../../src/routing/metrics/histogram.ts";
import { History } from "../../src/routing/metrics/history.ts";
import { viewHistory } from "../../src/views/history.ts";
import { driver, type Driver } from "../routing/support/driver.ts";
import type { Said } from "../routing/support/fleets.ts";

const MINUTE_MS = 60_000;
/** Somewhere within a minute. */
const START_MS = 100 * MINUTE_MS + 20_000;

function recorded(replicas: Readonly<Record<string, Said>> = {}) {
  const fleet = driver(replicas);
  const history = new History(fleet.its, START_MS);
  const at = (now: number) => {
    history.note(now);
    return now;
  };
  const view = (now: number) => viewHistory(history, now).minutes;
  return { fleet, at, view };
}

/** A request comes, is answered after a second and is over after two. */
function serve({ arrives, its }: Driver, id: number, hints: readonly string[], now: number): void {
  arrives(id, hints, now);
  succeeded(its, { id, answeredAfterMs: 1000, heldMs: 2000 }, now + 2000);
}

const QUIET = {
  ...{ requests: 0, refused: 0, failed: 0, ejections: 0, retries: 0, warm: 0, load_seconds: 0 },
  reasons: { hint_match: 0, hint_wait: 0, hash_owner: 0, hash_spill: 0, least_loaded: 0 },
  loads: { first_touch: 0, duplicate: 0, evicted: 0 },
  ...{ wait_p50_s: null, wait_p95_s: null, service_p50_s: null, service_p95_s: null },
};

test("each minute has what was counted in it, and quiet minutes have nothing", () => {
  const { fleet, at, view } = recorded({ a: { hints: ["x"], hintSlots: 4 } });
  serve(fleet, 1, ["x"], at(START_MS));
  const second = at(START_MS + MINUTE_MS);
  serve(fleet, 2, ["y"], second);
  serve(fleet, 3, [], second + 5000);
  fleet.arrives(4, [], second + 8000);
  failed(fleet.its, 4, { kind: "unreachable" }, null, at(second + 9000));
  fleet.ends(4, second + 9000);
  fleet.arrives(5, [], second + 9000, { avoid: ["a"] });
  const minutes = view(second + 3 * MINUTE_MS);
  const startMs = 100 * MINUTE_MS;
  expect(minutes.map(({ start_ms }) => start_ms)).toEqual([0, 1, 2, 3, 4].map((minute) => startMs + minute * MINUTE_MS));
  const [first, next, ...quiet] = minutes;
  expect(first).toMatchObject({ requests: 1, warm: 1, reasons: { ...QUIET.reasons, hint_match: 1 }, loads: QUIET.loads });
  // The middles of the buckets from 1 to 2.5 s and up to 0.01 s.
  expect([first?.service_p50_s, first?.wait_p50_s]).toEqual([1.75, 0.005]);
  expect(next).toMatchObject({
    ...{ requests: 3, warm: 2, refused: 1, failed: 1, ejections: 1, load_seconds: expect.closeTo(0, 3) as number },
    reasons: { ...QUIET.reasons, hash_owner: 1, least_loaded: 2 },
    loads: { first_touch: 1, duplicate: 0, evicted: 0 },
  });
  for (const [place, minute] of quiet.entries()) {
    expect(minute).toEqual({ ...QUIET, start_ms: startMs + (2 + place) * MINUTE_MS });
  }
});

test("the running minute counts at once", () => {
  const { fleet, at, view } = recorded({ a: {} });
  expect(view(START_MS)).toEqual([{ ...QUIET, start_ms: 100 * MINUTE_MS }]);
  serve(fleet, 1, [], at(START_MS + 1000));
  expect(view(START_MS + 1000)).toMatchObject([{ requests: 1 }]);
});

test("an hour and the running minute are kept, however long nothing or much happens", () => {
  const { fleet, at, view } = recorded({ a: {} });
  for (let minute = 0; minute < 200; minute++) serve(fleet, minute, [], at(START_MS + minute * MINUTE_MS));
  const busy = view(START_MS + 199 * MINUTE_MS);
  expect(busy.length).toBe(LIMITS.historyMinutes + 1);
  expect(busy.map(({ requests }) => requests)).toEqual(busy.map(() => 1));
  expect(busy.at(-1)?.start_ms).toBe(299 * MINUTE_MS);
  const later = view(START_MS + 229 * MINUTE_MS);
  expect(later.map(({ requests }) => requests)).toEqual(later.map((_, place) => (place <= 30 ? 1 : 0)));
  const [idle] = [view(START_MS + 1_000_000 * MINUTE_MS)];
  expect(idle.map(({ requests }) => requests)).toEqual(Array.from({ length: LIMITS.historyMinutes + 1 }, () => 0));
});

test("a clock that goes back counts in the minute that runs", () => {
  const { fleet, at, view } = recorded({ a: {} });
  serve(fleet, 1, [], at(START_MS - 5 * MINUTE_MS));
  expect(view(START_MS - 5 * MINUTE_MS)).toMatchObject([{ start_ms: 100 * MINUTE_MS, requests: 1 }]);
});

test.each([
  ["nothing", [], 0.5, null],
  ["one sample", [0, 1], 0.5, 1.5],
  ["samples over buckets", [2, 2, 0, 0], 0.5, 1],
  ["in the second bucket", [1, 2, 1, 0], 0.5, 1.5],
  ["the highest", [1, 1, 1, 0], 1, 3],
  ["none below", [0, 4], 0, 1],
  ["above all bounds", [0, 0, 0, 5], 0.5, 3],
])("a quantile of %s", (_, counts, share, seconds) => {
  expect(quantileS(share, counts, [1, 2, 3])).toBe(seconds);
});
