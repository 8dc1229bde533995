// The one timer of an object.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { EarliestTimer } from "../../durable-objects/earliest-timer.ts";

beforeEach(() => vi.useFakeTimers({ now: 0 }));
afterEach(() => vi.useRealTimers());

function timer(onFire: (its: EarliestTimer) => void = () => {}) {
  const fired: number[] = [];
  const its: EarliestTimer = new EarliestTimer(() => {
    fired.push(Date.now());
    onFire(its);
  });
  return { its, fired };
}

test("fires once, at the earliest of the moments asked for", () => {
  const { its, fired } = timer();
  for (const atMs of [300, 100, 200]) its.wakeAt(atMs);
  vi.advanceTimersByTime(1000);
  expect(fired).toEqual([100]);
});

test("fires at once for a moment that is past, and never for Infinity", () => {
  const { its, fired } = timer();
  its.wakeAt(Infinity);
  vi.advanceTimersByTime(1000);
  expect(fired).toEqual([]);
  its.wakeAt(500);
  vi.advanceTimersByTime(0);
  expect(fired).toEqual([1000]);
});

test("may be asked again when it fires, and after", () => {
  const { its, fired } = timer((again) => {
    if (Date.now() < 300) again.wakeAt(Date.now() + 100);
  });
  its.wakeAt(100);
  vi.advanceTimersByTime(1000);
  expect(fired).toEqual([100, 200, 300]);
  its.wakeAt(1500);
  vi.advanceTimersByTime(1000);
  expect(fired).toEqual([100, 200, 300, 1500]);
});

test("does not fire once it is cancelled, and may be asked again", () => {
  const { its, fired } = timer();
  its.wakeAt(100);
  its.cancel();
  vi.advanceTimersByTime(1000);
  expect(fired).toEqual([]);
  its.wakeAt(1500);
  vi.advanceTimersByTime(1000);
  expect(fired).toEqual([1500]);
});
