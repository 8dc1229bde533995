// What the chaos checker makes of replicas that answer errors, reset, stall or fall silent: when a request may be sent again, and when not.
import { expect, test } from "vitest";
import { APP, came, fault, ran, refusal, request, request1, rulesBroken, type Draft } from "./histories.ts";

const first = request("s1");
const ENDS = "a request ends as the table allows";

/** A run at r4 that was reset after so long. */
const reset = (atMs: number, afterMs: number) =>
  ran(first, "r4", atMs, {
    headersMs: null,
    lastSentMs: null,
    status: null,
    endedMs: atMs + afterMs,
    end: "reset",
    upload: null,
  });

/** What the router cut off when nothing had come for so long. */
const silentFor = (ms: number) => ({ lastSentMs: 1100, endedMs: 1100 + ms, end: "left", trouble: "stall" }) as const;

/** A run at r2, which is frozen, until the router left it. */
const frozen = (fromMs: number, toMs: number) =>
  ran(first, "r2", fromMs, { headersMs: null, lastSentMs: null, status: null, endedMs: toMs, end: "left", trouble: "freeze" });

/** No reports of r2 from then on: it is frozen. */
function silence(history: Draft, fromMs: number): void {
  history.injected.push(fault("freezes", "r2", fromMs, 6000));
  history.beats = history.beats.filter(({ app, replica, sentMs }) => app !== APP || replica !== "r2" || sentMs < fromMs);
}

test.each<[string, string, (history: Draft) => void]>([
  [
    "a tenth attempt at a replica that resets",
    "a further attempt goes to another replica",
    (history) => request1(history, {}, [...Array.from({ length: 9 }, (_, n) => reset(1001 + 2 * n, 1)), ran(first, "r4", 1019)]),
  ],
  [
    "another attempt at a replica that took its time to reset",
    "a further attempt goes to another replica",
    (history) => request1(history, {}, [reset(1001, 900), ran(first, "r4", 2000)]),
  ],
  [
    "another attempt after a 500",
    "a further attempt follows only a failure before the answer",
    (history) => request1(history, {}, [ran(first, "r1", 1001, { status: 500, endedMs: 1002 }), ran(first, "r4", 1003)]),
  ],
  [
    "another attempt after a 504",
    "a further attempt follows only a failure before the answer",
    (history) => request1(history, {}, [ran(first, "r1", 1001, { status: 504, endedMs: 1002 }), ran(first, "r4", 1003)]),
  ],
  [
    "a 502 that another replica could have replaced",
    ENDS,
    (history) => request1(history, { status: 502, proof: null }, [ran(first, "r4", 1001, { status: 502 })]),
  ],
  [
    "an answer cut off before it was silent for long",
    ENDS,
    (history) => request1(history, { end: "broken", proof: null }, [ran(first, "r4", 1001, silentFor(500))]),
  ],
  [
    "a replica given up although it reports",
    "a further attempt follows only a failure before the answer",
    (history) => request1(history, {}, [frozen(1001, 1900), ran(first, "r4", 1901)]),
  ],
  [
    "a request that waits for a replica that is gone",
    "nobody waits for a replica that is gone",
    (history) => {
      silence(history, 1000);
      request1(history, {}, [frozen(1001, 4000), ran(first, "r4", 4001)]);
    },
  ],
  [
    "an answer that stalls and is not ended",
    "an answer that stalls is ended",
    (history) => request1(history, { end: "broken", proof: null }, [ran(first, "r4", 1001, silentFor(2500))]),
  ],
  [
    "an answer that stalls for good",
    "an answer that stalls is ended",
    (history) =>
      request1(history, { end: "unanswered" }, [ran(first, "r4", 1001, { ...silentFor(0), end: null, endedMs: null })]),
  ],
  [
    "another attempt although the answer had come, when its replica's time to live was over",
    "a further attempt follows only a failure before the answer",
    (history) => {
      silence(history, 1000);
      const answers = { headersMs: 1340, lastSentMs: 1340, endedMs: 1340 };
      request1(history, {}, [ran(first, "r2", 1001, answers), ran(first, "r4", 2350)]);
    },
  ],
])("sees %s", (_, rule, doctor) => {
  expect(rulesBroken(doctor)).toContain(rule);
});

test.each<[string, (history: Draft) => void]>([
  ...[500, 504, 520].map((status): [string, (history: Draft) => void] => [
    `a ${status} of its replica`,
    (history) => request1(history, { status, proof: null }, [ran(first, "r4", 1001, { status })]),
  ]),
  [
    "a second attempt at a replica that reset the first at once",
    (history) => request1(history, {}, [reset(1001, 1), ran(first, "r4", 1003)]),
  ],
  [
    "a ninth attempt at a replica that reset the others at once",
    (history) => request1(history, {}, [...Array.from({ length: 8 }, (_, n) => reset(1001 + 2 * n, 1)), ran(first, "r4", 1017)]),
  ],
  [
    "an answer cut off after it was silent for long",
    (history) => request1(history, { end: "broken", proof: null }, [ran(first, "r4", 1001, silentFor(1000))]),
  ],
  [
    "502 for a short answer that was silent for long",
    (history) => request1(history, refusal(502, "runner_disconnected"), [ran(first, "r4", 1001, silentFor(1000))]),
  ],
  [
    "another attempt when a frozen replica's time to live was over",
    (history) => {
      silence(history, 1000);
      request1(history, {}, [frozen(1001, 2300), ran(first, "r4", 2299)]);
    },
  ],
  [
    "another attempt while the answer of a replica whose time to live was over is on its way",
    (history) => {
      silence(history, 1000);
      const answers = { headersMs: 2340, lastSentMs: 2340, endedMs: 2340 };
      request1(history, {}, [ran(first, "r2", 1001, answers), ran(first, "r4", 2350)]);
    },
  ],
  [
    "502 for what may not be sent again, when a frozen replica's time to live was over",
    (history) => {
      silence(history, 1000);
      const sending = request("s4", "no_retry");
      history.sent.push({ sending, came: came(sending, "r4", 1000, { ...refusal(502, "runner_disconnected"), endedMs: 2302 }) });
      history.runs.push({ ...frozen(1001, 2300), key: "s4" });
    },
  ],
])("does not mind %s", (_, doctor) => {
  expect(rulesBroken(doctor)).toEqual([]);
});
