// The query of an autoscaler: what it may ask for, and that whatever is wrong names its parameter.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SCALE_DEFAULTS } from "../../src/views/scale.ts";
import { parseScaleQuery } from "../../src/wire/scale-query.ts";
import { seeded } from "../routing/support/seeded.ts";

const parsed = (query: string) => parseScaleQuery(new URLSearchParams(query));

test("without parameters the defaults hold", () => {
  expect(parsed("")).toEqual({ ok: true, value: SCALE_DEFAULTS });
});

test("each parameter is one option, times in seconds", () => {
  expect(parsed("min=1&max=20&target=0.8&clear_s=30&start_s=45.5&window_s=600&slots=4")).toEqual({
    ok: true,
    value: { min: 1, max: 20, target: 0.8, clearMs: 30_000, startMs: 45_500, windowMs: 600_000, slots: 4 },
  });
  expect(parsed("min=0&max=0&target=1&start_s=0&window_s=60").ok).toBe(true);
});

describe("a bad one is named", () => {
  test.each([
    ["min=-1", "min"],
    ["min=1.5", "min"],
    ["min=", "min"],
    ["max=10001", "max"],
    ["max=abc", "max"],
    ["max=1e3", "max"],
    ["target=0", "target"],
    ["target=1.01", "target"],
    ["target=70%25", "target"],
    ["target=NaN", "target"],
    ["clear_s=0", "clear_s"],
    ["clear_s=Infinity", "clear_s"],
    ["start_s=-1", "start_s"],
    ["window_s=59", "window_s"],
    ["window_s=3601", "window_s"],
    ["slots=0", "slots"],
    ["min=3&max=2", "min"],
    ["max=2&max=3", "max"],
    ["mx=2", "mx"],
    ["constructor=2", "constructor"],
    ["min=1&=2", ""],
  ])("%s", (query, field) => {
    expect(parsed(query)).toMatchObject({ ok: false, field });
  });
});

test("whatever is asked, the options are in range or one parameter is named", () => {
  const name = fc.constantFrom("min", "max", "target", "clear_s", "start_s", "window_s", "slots", "x");
  const value = fc.oneof(fc.integer({ min: -10, max: 20_000 }).map(String), fc.double().map(String), fc.string());
  const property = fc.property(fc.array(fc.tuple(name, value), { maxLength: 4 }), (pairs) => {
    const result = parseScaleQuery(new URLSearchParams(pairs));
    if (!result.ok) return pairs.some(([name]) => name === result.field);
    const { min, max, target, clearMs, startMs, windowMs, slots } = result.value;
    const inRange = 0 <= min && min <= max && max <= 10_000 && target > 0 && target <= 1;
    return inRange && clearMs >= 1000 && startMs >= 0 && windowMs >= 60_000 && windowMs <= 3_600_000 && (slots ?? 1) >= 1;
  });
  fc.assert(property, seeded(2000));
});
