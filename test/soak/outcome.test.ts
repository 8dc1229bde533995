// Which ends of a request a soak expects: a death excuses what it can explain, and nothing else.
import { expect, test } from "vitest";
import { outcomeOf, soakTraffic, type SoakSending } from "../../bench/soak/traffic.ts";
import type { Came } from "../../bench/live/records.ts";

const CAME: Came = {
  ...{
    sentMs: 0,
    endedMs: 100,
    end: "answered",
    headersMs: 90,
    status: 200,
    headers: { "x-fal-served-from": "r1" },
    errorType: null,
    detail: null,
    cause: null,
  },
  proof: { key: "s1", app: "soaked", replica: "r1", incarnation: 1 },
};
const sendings = [...soakTraffic(1, 1000, 5000)].map(({ sending }) => sending);
const GET = of("get");

function of(kind: SoakSending["kind"]): SoakSending {
  const found = sendings.find((sending) => sending.kind === kind);
  if (found === undefined) throw new Error(`no ${kind} was drawn`);
  return found;
}

const disconnected = { status: 502, errorType: "runner_disconnected", proof: null } as const;
const broken = { end: "broken", proof: null } as const;

test.each<[string, SoakSending, Partial<Came>, boolean, boolean]>([
  ["served", GET, {}, false, true],
  ["a wrong answer", GET, { proof: "it answers the request s2" }, true, false],
  ["a client that left as it was told", of("leaves_early"), { end: "left" }, false, true],
  ["an answer that a death cut short", GET, broken, true, true],
  ["an answer cut short by nothing", GET, broken, false, false],
  ["a connection that broke before headers", GET, { ...broken, headersMs: null }, true, false],
  ["502 for what can't be sent again", of("post_chunked"), disconnected, true, true],
  ["502 for what can be", GET, disconnected, true, false],
  ["502 without a death", of("post_chunked"), disconnected, false, false],
  ["429", GET, { status: 429, errorType: "queue_full", proof: null }, true, false],
  ["no answer", GET, { end: "unanswered", proof: null }, true, false],
  ["a WebSocket that a death closed", of("web_socket"), { proof: "it was closed with 1011 instead of 4000" }, true, true],
])("%s", (_, sending, came, aDeath, expected) => {
  expect(outcomeOf(sending, { ...CAME, ...came }, aDeath).expected).toBe(expected);
});

test("the same seed draws the same requests, and as many as were asked for", () => {
  const again = [...soakTraffic(1, 1000, 5000)].map(({ sending }) => sending);
  expect(again).toEqual(sendings);
  expect(sendings.length).toBeGreaterThan(4700);
  expect(sendings.length).toBeLessThan(5300);
});
