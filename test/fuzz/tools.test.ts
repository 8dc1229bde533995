// The fuzzer's own tools: what it takes for a response, and how it tells of a violation.
import { describe, expect, test } from "vitest";
import { KINDS } from "./input.ts";
import { isAllowed, outcomeOf } from "./outcome.ts";
import { jsonLine, summary, tables } from "./report.ts";
import { ResponseReader } from "./responses.ts";
import type { Report } from "./run.ts";
import { inputOf } from "./generate.ts";

function read(text: string, head = false) {
  const reader = new ResponseReader();
  reader.push(Buffer.from(text, "latin1"));
  const response = reader.next(head);
  return { response, rest: reader.rest.toString("latin1") };
}

const OK = "HTTP/1.1 200 OK\r\n";

describe("a response", () => {
  test("with a length, in chunks, or without a body, in any parts", () => {
    const text = `HTTP/1.1 100 Continue\r\n\r\n${OK}Content-Length: 2\r\n\r\nok${OK}Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\nHTTP/1.1 204 No\r\n\r\n`;
    const reader = new ResponseReader();
    const bodies: string[] = [];
    for (const character of text) {
      reader.push(Buffer.from(character));
      const response = reader.next(false);
      if (response !== null) bodies.push(`${response.status} ${response.body.toString()}`);
    }
    expect(bodies).toEqual(["200 ok", "200 abc", "204 "]);
    expect(reader.rest).toHaveLength(0);
  });

  test("that is not whole is none yet, and to a HEAD it has no body", () => {
    expect(read(`${OK}Content-Length: 2\r\n\r\no`).response).toBeNull();
    expect(read(`${OK}Content-Length: 2\r\n\r\nok`, true)).toMatchObject({ response: { status: 200 }, rest: "ok" });
  });

  test.each([
    "HTP/1.1 200 OK\r\n\r\n",
    "HTTP/1.1 2000 OK\r\n\r\n",
    `${OK}X A: b\r\nContent-Length: 0\r\n\r\n`,
    `${OK}X-A: b\nX-B: c\r\nContent-Length: 0\r\n\r\n`,
    `${OK}Content-Length: 0\r\nContent-Length: 0\r\n\r\n`,
    `${OK}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`,
    `${OK}\r\nbody`,
    `${OK}Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n`,
    `${OK}Transfer-Encoding: chunked\r\n\r\nzz\r\n`,
  ])("%j is none", (text) => {
    expect(() => read(text)).toThrow();
  });
});

test("an outcome is a short text, and an error that is no problem is a fault", () => {
  const of = (lines: string, body = "") => {
    const { response } = read(`HTTP/1.1 422 X\r\n${lines}Content-Length: ${body.length}\r\n\r\n${body}`);
    return response === null ? "" : outcomeOf(response, false);
  };
  expect(of("x-fal-served-from: r\r\nx-fal-error-type: e\r\n")).toBe("422 from r");
  const problem = { status: 422, error_type: "invalid_heartbeat", detail: "d", field: "hints.3" };
  expect(of("x-fal-error-type: invalid_heartbeat\r\n", JSON.stringify(problem))).toBe("422 invalid_heartbeat hints");
  expect(() => of("x-fal-error-type: invalid_heartbeat\r\n", JSON.stringify({ ...problem, status: 400 }))).toThrow();
  expect(of("x-fal-request-id: 1\r\n")).toBe("422 router");
  expect(of("")).toBe("422 http");
  expect(isAllowed({ allowed: ["422 invalid_heartbeat"] }, "422 invalid_heartbeat hints")).toBe(true);
  expect(isAllowed({ allowed: ["422 invalid_heartbeat app"] }, "422 invalid_heartbeat hints")).toBe(false);
});

test("the same seed gives the same inputs, and of every kind", () => {
  const kinds = new Set<string>();
  for (let number = 0; number < 500; number++) {
    const input = inputOf(3, number);
    expect(inputOf(3, number)).toEqual(input);
    kinds.add(input?.kind ?? "setting");
  }
  expect([...kinds].sort()).toEqual([...KINDS].sort());
  expect(inputOf(4, 0)).not.toEqual(inputOf(3, 0));
});

test("a violation is told with its seed and its input as escaped bytes", () => {
  const input = { bytes: Buffer.from('GET /"\\ \r\n\0\xff', "latin1"), allowed: ["400 http"] };
  const report: Report = {
    tallies: new Map([["bytes", { count: 2, outcomes: new Map([["200 router", 2]]), violations: 2 }]]),
    violations: [{ fault: "answer: bytes (noise): 200 router", times: 2, input }],
    crashes: 0,
    logged: 0,
    stateChanges: 0,
    sent: 2,
    tookMs: 1500,
  };
  const escaped = String.raw`"GET /\"\\ \r\n\x00\xff"`;
  for (const text of [
    "VIOLATION answer: bytes (noise): 200 router (2 times, seed 9)",
    "allowed: 400 http",
    `12 bytes: ${escaped}`,
  ]) {
    expect(tables(report, 9)).toContain(text);
  }
  expect(JSON.parse(jsonLine(report, 9))).toMatchObject({
    violations: [{ times: 2, input: escaped }],
    kinds: { bytes: { inputs: 2 } },
  });
  expect(summary(report, 9)).toBe("2 inputs, seed 9: 1 kind of violation, 0 crashes, 0 lines logged, 0 state changes, 1.5 s");
});
