// How often one request may be sent.
import { describe, expect, test } from "vitest";
import { Tries, type Tried } from "../../src/edge/tries.ts";
import { BOUNDS } from "../../src/limits.ts";

const failed = (more: Partial<Tried> = {}): Tried => ({ replica: "r", afterMs: 5, unreached: false, word: null, ...more });

/** How many replicas get a request whose attempts fail like this; the last attempt repeats. */
function sentTo(most: number, method: string, ...attempts: readonly Partial<Tried>[]): number {
  const tries = new Tries(most, method);
  let sent = 1;
  while (sent < 20 && tries.mayGoOn(failed(attempts[Math.min(sent, attempts.length) - 1]))) sent++;
  return sent;
}

describe("MAX_ATTEMPTS", () => {
  test.each([1, 2, 3, 10])("%i replicas in all", (most) => {
    expect(sentTo(most, "GET", {})).toBe(most);
  });

  test.each([1, 2, 3])("%i, and one more if the first replica was gone", (most) => {
    expect(sentTo(most, "GET", { unreached: true }, {})).toBe(most + 1);
    expect(sentTo(most, "GET", { unreached: true })).toBe(most + 1);
  });
});

describe("a request that a replica worked on for long", () => {
  const long = { afterMs: BOUNDS.repeatWithinMs };
  test.each(["POST", "PATCH"])("%s is not sent again", (method) => {
    expect(sentTo(3, method, { afterMs: BOUNDS.repeatWithinMs - 1 }, long)).toBe(2);
  });

  test.each(["GET", "HEAD", "PUT", "DELETE", "QUERY"])("%s is, since repeating it does no harm", (method) => {
    expect(sentTo(3, method, long)).toBe(3);
  });

  test("POST is, if the replica itself asks for that", () => {
    expect(sentTo(3, "POST", { ...long, word: true })).toBe(3);
    expect(sentTo(3, "POST", { ...long, word: false })).toBe(1);
  });
});

test("replicas that failed the request are avoided", () => {
  const tries = new Tries(5, "GET");
  for (const replica of ["a", "b"]) tries.mayGoOn(failed({ replica }));
  expect(tries.failed).toEqual(["a", "b"]);
});
