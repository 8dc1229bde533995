// The chaos checker sees what is wrong: histories in which all is well but for one thing. A checker that can't fail is worth nothing.
import { expect, test } from "vitest";
import { check } from "../../bench/chaos/check/check.ts";
import type { Held } from "../../bench/live/fleet.ts";
import { APP, came, fault, goodHistory, ran, refusal, request, request1, rulesBroken, type Draft } from "./histories.ts";

const first = request("s1");
const ENDS = "a request ends as the table allows";

/** What is still held after the run. */
function holds(history: Draft, change: Partial<Held>): void {
  history.end = { ...history.end, held: [{ app: APP, waiting: 0, in_flight: 0, running: 0, ...change }] };
}

test("nothing is wrong with the history that the others are made from", () => {
  expect(check(goodHistory()).violations).toEqual([]);
});

test.each<[string, string, (history: Draft) => void]>([
  ["a request that never ended", ENDS, (history) => request1(history, { end: "unanswered" })],
  [
    "a request that is not known to have ended",
    ENDS,
    ({ sent }) => {
      if (sent[0] !== undefined) sent[0] = { ...sent[0], came: null };
    },
  ],
  ["a 200 that no replica ran", ENDS, (history) => request1(history, {}, [])],
  ["a 200 signed by a replica that did not run it", ENDS, (history) => request1(history, {}, [ran(first, "r2", 1001)])],
  ["a truncated body that ended in good order", ENDS, (history) => request1(history, { proof: "it has 5 bytes instead of 9" })],
  [
    "a whole answer of a run that broke off",
    ENDS,
    (history) => request1(history, {}, [ran(first, "r4", 1001, { end: "reset", trouble: "reset_mid_body" })]),
  ],
  [
    "the answer of another replica than it says",
    ENDS,
    (history) => request1(history, { headers: { "x-fal-served-from": "r1" } }),
  ],
  ["an answer that nobody signed", ENDS, (history) => request1(history, { headers: {}, status: 502, proof: null })],
  ["a connection that broke for no reason", ENDS, (history) => request1(history, { end: "broken", status: null, proof: null })],
  ["a client that left although it was not told to", ENDS, (history) => request1(history, { end: "left" })],
  ["an internal error", ENDS, (history) => request1(history, refusal(500, "internal_error"), [])],
  [
    "a refusal by a queue in which nobody waits",
    ENDS,
    (history) => request1(history, refusal(429, "queue_full", "The queue is full: 60 requests are waiting."), []),
  ],
  ["no replicas, while they are listed", ENDS, (history) => request1(history, refusal(503, "no_replicas"), [])],
  ["no way to the object, which is there", ENDS, (history) => request1(history, refusal(503, "runner_scheduling_failure"), [])],
  ["no such app, which there is", ENDS, (history) => request1(history, refusal(404, "app_not_found"), [])],
  [
    "a deadline that has not passed",
    ENDS,
    (history) => request1(history, { ...refusal(504, "request_timeout", "No replica became free"), endedMs: 3000 }, []),
  ],
  [
    "a first byte that was not waited for",
    ENDS,
    (history) =>
      request1(history, refusal(504, "request_timeout", "The replica did not begin to answer in time."), [
        ran(first, "r4", 1001, { headersMs: null, status: null, end: "left" }),
      ]),
  ],
  ["a replica that is called lost and was not", ENDS, (history) => request1(history, refusal(502, "runner_disconnected"), [])],
  [
    "a failed request that could have been sent to another replica",
    ENDS,
    (history) => request1(history, { status: 503, proof: null }, [ran(first, "r4", 1001, { status: 503 })]),
  ],
  [
    "a request that ran twice after it was answered",
    "a further attempt follows only a failure before the answer",
    ({ runs }) => runs.push(ran(first, "r2", 1100)),
  ],
  [
    "two attempts at once",
    "a further attempt follows only a failure before the answer",
    (history) => request1(history, {}, [ran(first, "r2", 1001, { status: 503, endedMs: 1200 }), ran(first, "r4", 1100)]),
  ],
  [
    "another attempt after the first byte was late",
    "a further attempt follows only a failure before the answer",
    (history) =>
      request1(history, {}, [
        ran(first, "r2", 1001, { headersMs: null, status: null, end: "left", trouble: "hang" }),
        ran(first, "r4", 2600),
      ]),
  ],
  [
    "another attempt at the replica that failed",
    "a further attempt goes to another replica",
    (history) => request1(history, {}, [ran(first, "r4", 1001, { status: 503, endedMs: 1002 }), ran(first, "r4", 1003)]),
  ],
  [
    "a streamed body that was sent twice",
    "what must not be sent twice runs once",
    (history) => {
      const sending = request("s4", "post_chunked");
      history.sent.push({ sending, came: came(sending, "r4", 1300) });
      history.runs.push(ran(sending, "r1", 1301, { status: 503, endedMs: 1302 }), ran(sending, "r4", 1310));
    },
  ],
  [
    "more attempts than there may be",
    "attempts are bounded",
    (history) =>
      request1(history, {}, [
        ...Array.from({ length: 4 }, (_, index) =>
          ran(first, `x${index}`, 1001 + index, { status: 503, endedMs: 1001.5 + index }),
        ),
        ran(first, "r4", 1020),
      ]),
  ],
  ["a run that nobody asked for", "nothing runs that nobody sent", ({ runs }) => runs.push(ran(request("ghost"), "r1", 1000))],
  [
    "a request at another app's replica",
    "a request runs at a replica of its own app",
    (history) => request1(history, {}, [ran(first, "r4", 1001, { app: "beta" })]),
  ],
  [
    "an upload cut short as if it were whole",
    "a body reaches the replica whole or not at all",
    (history) => {
      const sending = request("s4", "leaves_mid_upload");
      history.sent.push({ sending, came: came(sending, "r4", 1300, { end: "left", status: null, proof: null }) });
      history.runs.push(ran(sending, "r4", 1301, { upload: "5:0011223344556677" }));
    },
  ],
  ["a grant that is left over", "no grant outlives its request", (history) => holds(history, { in_flight: 1 })],
  ["a request that still waits", "no grant outlives its request", (history) => holds(history, { waiting: 1 })],
  [
    "more grants than requests, for long",
    "no grant outlives its request",
    ({ samples }) => samples.push(...[20_000, 20_500, 21_000].map((atMs) => ({ atMs, app: APP, inFlight: 1, listed: [] }))),
  ],
  [
    "a replica that is listed long after its last report",
    "a replica that is silent is removed",
    ({ samples }) => samples.push({ atMs: 20_000, app: APP, inFlight: 0, listed: ["r1"] }),
  ],
  ["a request that a replica still runs", "nothing runs on for nobody", (history) => holds(history, { running: 1 })],
  [
    "a replica that did not come back",
    "after the faults the fleet is whole",
    (history) => (history.end = { ...history.end, wholeMs: null, missing: ["r1"] }),
  ],
  [
    "an app that is not listed",
    "after the faults the fleet is whole",
    (history) => (history.end = { ...history.end, apps: ["beta"] }),
  ],
  [
    "a hint that is cold when it is asked for again",
    "a hint asked for again is warm",
    ({ end }) =>
      Object.assign(end.touches[1]?.came ?? {}, {
        headers: { "x-fal-served-from": "r4", "x-warmpath-reason": "hash_owner" },
      }),
  ],
  [
    "a final round that did not happen",
    "after the faults every request succeeds",
    (history) => (history.end = { ...history.end, touches: [] }),
  ],
  [
    "a line in the log that nothing explains",
    "nothing unexpected is logged",
    ({ log }) => log.push({ atMs: 1000, line: "workerd/io/worker.c++: error: oops" }),
  ],
  [
    "an object that could not be reached although nothing happened",
    "nothing unexpected is logged",
    ({ log }) =>
      log.push({
        atMs: 1000,
        line: '{"message":"the fleet did not answer","app":"alpha","error":"Error: Network connection lost."}',
      }),
  ],
])("sees %s", (_, rule, doctor) => {
  expect(rulesBroken(doctor)).toContain(rule);
});

const CROWD: (history: Draft) => void = (history) => {
  for (const [index, key] of ["c1", "c2"].entries()) {
    const sending = request(key);
    history.sent.push({ sending, came: came(sending, "r1", 2000 + index) });
    history.runs.push(ran(sending, "r1", 2001 + index, { present: index + 1 }));
  }
};

test("sees more requests at a replica than it takes", () => {
  expect(rulesBroken(CROWD)).toEqual(["no replica gets more than it takes"]);
});

test("counts them, and does not mind, just after the object restarted", () => {
  const history = goodHistory();
  CROWD(history);
  history.injected.push(fault("object_crashes", "", 1500, 1501));
  const { violations, overConcurrency } = check(history);
  expect(violations).toEqual([]);
  expect(overConcurrency).toMatchObject({ afterRestart: 1, bySnapshot: 0, mostAbove: 1 });
});

test("minds again when the restart is long ago", () => {
  const history = goodHistory();
  CROWD(history);
  history.injected.push(fault("object_crashes", "", 100, 101));
  expect(check(history).violations.map(({ rule }) => rule)).toEqual(["no replica gets more than it takes"]);
});

test("counts them, and does not mind, where the object was passed by", () => {
  const history = goodHistory();
  CROWD(history);
  const line = history.sent.at(-1);
  if (line === undefined || line.came === null) throw new Error("there is no request");
  line.came = { ...line.came, headers: { ...line.came.headers, "x-warmpath-reason": "snapshot_hash" } };
  const { violations, overConcurrency } = check(history);
  expect(violations).toEqual([]);
  expect(overConcurrency).toMatchObject({ afterRestart: 0, bySnapshot: 1 });
});

test("counts them, and does not mind, where one was granted to the process before", () => {
  const history = goodHistory();
  CROWD(history);
  history.runs = history.runs.map((run) => (run.key === "c1" ? { ...run, incarnation: 2 } : run));
  const sentMs = 2001.5;
  history.beats.push({
    app: APP,
    replica: "r1",
    incarnation: 2,
    sequence: 1,
    status: "ready",
    sentMs,
    answeredMs: 2001.8,
    answered: 200,
  });
  const { violations, overConcurrency } = check(history);
  expect(violations).toEqual([]);
  expect(overConcurrency).toMatchObject({ afterRestart: 0, bySnapshot: 0, atNewProcess: 1 });
});

test.each<[string, (history: Draft) => void]>([
  [
    "a connection that broke with its replica",
    (history) =>
      request1(history, { end: "broken", proof: null }, [ran(first, "r4", 1001, { end: "reset", trouble: "reset_mid_body" })]),
  ],
  [
    "a connection that broke with the router",
    (history) => {
      history.injected.push({
        fault: { kind: "router_killed", atMs: 0, forMs: 10, app: "", replica: "", hint: "" },
        beganMs: 1010,
        endedMs: 1020,
      });
      request1(history, { end: "broken", status: null, proof: null }, [ran(first, "r4", 1001, { end: "left" })]);
    },
  ],
  [
    "another attempt after a failure",
    (history) => request1(history, {}, [ran(first, "r1", 1001, { status: 503, endedMs: 1002 }), ran(first, "r4", 1003)]),
  ],
  [
    "the failure itself where no other attempt was allowed",
    (history) => {
      const sending = request("s4", "no_retry");
      history.sent.push({ sending, came: came(sending, "r1", 1300, { status: 503, proof: null }) });
      history.runs.push(ran(sending, "r1", 1301, { status: 503, trouble: "status_503" }));
    },
  ],
  [
    "an object that could not be reached while it failed",
    (history) => {
      history.injected.push(fault("object_throws", "", 900, 1100));
      history.log.push({
        atMs: 1000,
        line: '{"message":"the fleet did not answer","app":"alpha","error":"Error: chaos: the object fails"}',
      });
    },
  ],
])("does not mind %s", (_, doctor) => {
  expect(rulesBroken(doctor)).toEqual([]);
});
