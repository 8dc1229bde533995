// A heartbeat as JSON: the default, the bounds and the faults of each field, and which bad field is named first.
import { describe, expect, test } from "vitest";
import { isAppName, parseHeartbeat, parseHeartbeatApp } from "../../src/wire/heartbeat.ts";

const LEAST = { app: "any-model", replica: "gpu-1", origin: "https://gpu-1.example.com" };
const numbered = (count: number) => Array.from({ length: count }, (_, index) => `h${index}`);

function parsed(said: object) {
  const result = parseHeartbeat({ ...LEAST, ...said });
  if (!result.ok) throw new Error(`${result.field} ${result.detail}`);
  return result.value;
}

/** The field that is named as bad, without the place inside a list; null when nothing is. */
function badField(body: unknown): string | null {
  const result = parseHeartbeat(body);
  return result.ok ? null : (result.field.split(".")[0] ?? "");
}

describe("defaults", () => {
  const defaults = {
    ...LEAST,
    incarnation: 0,
    sequence: null,
    hints: null,
    hintSlots: null,
    concurrency: 1,
    inFlight: null,
    status: "ready",
  };

  test("of everything but app, replica and origin", () => {
    expect(parseHeartbeat(LEAST)).toEqual({ ok: true, value: defaults });
  });

  test("null is as good as absent", () => {
    const nulls = {
      incarnation: null,
      sequence: null,
      hints: null,
      hint_slots: null,
      concurrency: null,
      in_flight: null,
      status: null,
    };
    expect(parsed(nulls)).toEqual(defaults);
  });

  test("unknown fields are ignored, names of the parsed form among them", () => {
    expect(parsed({ gpu: "H100", hintSlots: 3, inFlight: 2, nested: { app: 1 } })).toEqual(defaults);
  });

  test.each(["app", "replica", "origin"] as const)("%s is required", (field) => {
    const absent: Record<string, unknown> = { ...LEAST };
    delete absent[field];
    expect(parseHeartbeat(absent)).toEqual({ ok: false, field, detail: "is required" });
    for (const value of [null, "", 7]) expect(badField({ ...LEAST, [field]: value })).toBe(field);
  });
});

test("a full report", () => {
  const full = {
    incarnation: 1_764_000_000_000,
    sequence: 7,
    hints: ["sdxl", "flux"],
    hint_slots: 3,
    in_flight: 0,
    status: "draining",
  };
  expect(parsed(full)).toEqual({
    ...LEAST,
    incarnation: 1_764_000_000_000,
    sequence: 7,
    hints: ["sdxl", "flux"],
    hintSlots: 3,
    concurrency: 1,
    inFlight: 0,
    status: "draining",
  });
});

describe("values at and over their bounds", () => {
  const MAX = Number.MAX_SAFE_INTEGER;
  test.each<[string, unknown[], unknown[]]>([
    ["app", ["a", "A9._-", "owner/app", "a".repeat(128)], ["", "-a", "a b", "é", "a".repeat(129), 1, ["a"], {}, true]],
    [
      "replica",
      ["g", "~!/:", "...", ".a", "%2e", "g".repeat(256)],
      ["", ".", "..", "a b", "\u007f", "é", "g".repeat(257), 1, {}, false],
    ],
    ["incarnation", [0, 1, MAX], [-1, 0.5, 1.5, MAX + 1, 1e300, Number.POSITIVE_INFINITY, "1", true, [], Number.NaN]],
    ["sequence", [0, 1, MAX], [-1, 0.5, MAX + 1, "7", true, {}]],
    ["hint_slots", [0, 1, 256], [-1, 257, 2.5, "3"]],
    ["concurrency", [1, 10_000], [0, -1, 10_001, 1.5, "1"]],
    ["in_flight", [0, 1, 10_001, MAX], [-1, 0.1, MAX + 1, "0"]],
    ["status", ["starting", "ready", "draining", "stopped"], ["READY", "Ready", "", "gone", "idle", 1, true, []]],
    [
      "hints",
      [[], ["a"], ["x".repeat(512)], numbered(256), ["~ !"]],
      [
        "a",
        {},
        { a: 1 },
        1,
        [1],
        [null],
        [["a"]],
        ["a,b"],
        ["ok", "a,b"],
        ["é"],
        ["x".repeat(513)],
        ["a\tb"],
        ["a\nb"],
        numbered(257),
      ],
    ],
  ])("%s", (field, good, bad) => {
    for (const value of good) expect([value, badField({ ...LEAST, [field]: value })]).toEqual([value, null]);
    for (const value of bad) expect([value, badField({ ...LEAST, [field]: value })]).toEqual([value, field]);
  });
});

describe("hints", () => {
  test.each<[string, string[], string[]]>([
    ["are trimmed, in their order", [" b", "a "], ["b", "a"]],
    ["may be none", [], []],
    ["are none where all are empty", ["", ""], []],
    ["lose empties and duplicates", ["a", "", " ", "b", "a", " a "], ["a", "b"]],
    ["may come as more than 256 where fewer are different", [...numbered(256), ...numbered(256), ""], numbered(256)],
  ])("%s", (_, said, hints) => {
    expect(parsed({ hints: said }).hints).toEqual(hints);
  });
});

describe("origin", () => {
  test.each([
    ["https://gpu-1.example.com", "https://gpu-1.example.com"],
    ["https://gpu-1.example.com/", "https://gpu-1.example.com"],
    ["HTTPS://GPU-1.Example.COM", "https://gpu-1.example.com"],
    ["https://gpu-1.example.com:443", "https://gpu-1.example.com"],
    ["http://gpu-1.example.com:80/", "http://gpu-1.example.com"],
    ["https://gpu-1.example.com:80", "https://gpu-1.example.com:80"],
    ["http://gpu-1.example.com:443", "http://gpu-1.example.com:443"],
    ["https://gpu-1.example.com:8443", "https://gpu-1.example.com:8443"],
    ["https://gpu-1", "https://gpu-1"],
    ["HTTP://LocalHost:9", "http://localhost:9"],
    ["http://10.0.0.1:9000", "http://10.0.0.1:9000"],
    ["http://127.0.0.1:9/", "http://127.0.0.1:9"],
    ["http://0x7f.1", "http://127.0.0.1"],
    ["http://[::1]:9000", "http://[::1]:9000"],
    ["http://[0:0::1]", "http://[::1]"],
  ])("%s is %s", (said, origin) => {
    expect(parsed({ origin: said }).origin).toBe(origin);
  });

  test.each([
    ["path", "https://gpu-1.example.com/run"],
    ["two slashes at the end", "https://gpu-1.example.com//"],
    ["query", "https://gpu-1.example.com?a=1"],
    ["query after a slash", "https://gpu-1.example.com/?a=1"],
    ["empty query", "https://gpu-1.example.com?"],
    ["fragment", "https://gpu-1.example.com#a"],
    ["user", "https://user@gpu-1.example.com"],
    ["user and password", "https://user:pass@gpu-1.example.com"],
    ["empty user", "https://@gpu-1.example.com"],
    ["backslash as a slash", "https://gpu-1.example.com\\run"],
    ["backslashes after the scheme", "https:\\\\gpu-1.example.com"],
    ["backslash that hides a user", "https://gpu-1.example.com\\@evil.example"],
    ["no host", "https://"],
    ["no host before a path", "http:///x"],
    ["no scheme", "gpu-1.example.com"],
    ["no scheme, with a port", "127.0.0.1:9"],
    ["no scheme, with two slashes", "//127.0.0.1:9"],
    ["one slash", "https:/gpu-1.example.com"],
    ["no slash", "https:gpu-1.example.com"],
    ["another scheme", "ftp://gpu-1.example.com"],
    ["a file", "file:///etc/passwd"],
    ["websocket scheme", "ws://gpu-1.example.com"],
    ["secure websocket scheme", "wss://gpu-1.example.com"],
    ["port over 65535", "https://gpu-1.example.com:65536"],
    ["port that is no number", "https://gpu-1.example.com:https"],
    ["space", "https://gpu 1.example.com"],
    ["leading space", " https://gpu-1.example.com"],
    ["tab, which the URL parser would drop", "https://gpu-1\t.example.com"],
    ["line feed at the end, which the URL parser would drop", "https://gpu-1.example.com\n"],
    ["unfinished IPv6", "http://[::1"],
    ["empty", ""],
    ["301 characters", `https://${"a".repeat(293)}`],
    ["no text", 1],
  ])("with %s is refused", (_, origin) => {
    expect(badField({ ...LEAST, origin })).toBe("origin");
  });
});

describe("the first bad field is named", () => {
  const ORDER = [
    "app",
    "replica",
    "origin",
    "incarnation",
    "sequence",
    "hints",
    "hint_slots",
    "concurrency",
    "in_flight",
    "status",
  ];
  test.each(ORDER.map((field, place) => [field, ORDER.slice(place)] as const))("%s, with all after it bad too", (field, bad) => {
    const body: Record<string, unknown> = { ...LEAST };
    for (const name of [...bad].reverse()) body[name] = { bad: true };
    expect(badField(body)).toBe(field);
  });

  test.each([null, undefined, 1, "text", true])("a body of %j is no report", (body) => {
    expect(parseHeartbeat(body).ok).toBe(false);
    expect(parseHeartbeatApp(body).ok).toBe(false);
  });

  test("a list has no app", () => {
    expect(badField([])).toBe("app");
  });
});

test("parseHeartbeatApp reads the app whatever else is wrong", () => {
  expect(parseHeartbeatApp({ app: "owner/app", replica: 1, origin: null })).toEqual({ ok: true, value: "owner/app" });
  expect(parseHeartbeatApp({ replica: "gpu-1" })).toEqual({ ok: false, field: "app", detail: "is required" });
  expect(parseHeartbeatApp({ app: "a b" })).toMatchObject({ ok: false, field: "app" });
  expect(parseHeartbeatApp({ app: 7 })).toEqual({ ok: false, field: "app", detail: "must be a string" });
});

test.each<[string, boolean]>([
  ["a", true],
  ["9", true],
  ["any-model", true],
  ["Any.Model_2", true],
  ["a".repeat(128), true],
  ["a".repeat(129), false],
  ["owner/app", true],
  [`${"o".repeat(128)}/${"a".repeat(128)}`, true],
  [`owner/${"a".repeat(129)}`, false],
  ["owner/app/more", false],
  ["owner/", false],
  ["/app", false],
  ["owner//app", false],
  ["owner/-app", false],
  ["", false],
  [".", false],
  ["..", false],
  ["-", false],
  ["-/", false],
  ["_a", false],
  ["a b", false],
  ["a\n", false],
  ["a%2Fb", false],
  ["é", false],
  ["*", false],
])("isAppName(%j) is %j", (text, is) => {
  expect(isAppName(text)).toBe(is);
});
