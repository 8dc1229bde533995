// The waits of one request, on one timer.
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Alarm, TOO_LATE } from "../../src/edge/alarm.ts";
import { BOUNDS } from "../../src/limits.ts";

beforeEach(() => void vi.useFakeTimers({ now: 1_764_000_000_000 }));
afterEach(() => void vi.useRealTimers());

describe("what is due", () => {
  test.each([[1], [20], [999], [1000], [1001], [59_999], [3_600_000], [40 * 86_400_000]])(
    "rings after %d ms, not before",
    async (ms) => {
      const alarm = new Alarm();
      let rung = 0;
      alarm.after(ms, () => rung++);
      await vi.advanceTimersByTimeAsync(ms - 1);
      expect(rung).toBe(0);
      await vi.advanceTimersByTimeAsync(1);
      expect(rung).toBe(1);
      await vi.advanceTimersByTimeAsync(BOUNDS.alarmTickMs);
      expect([rung, vi.getTimerCount()]).toEqual([1, 0]);
    },
  );

  test("rings in its order, whatever the order it was set in, and from within another ring", async () => {
    const alarm = new Alarm();
    const rung: string[] = [];
    alarm.after(5000, () => rung.push("late"));
    alarm.after(20, () => {
      rung.push("early");
      alarm.after(10, () => rung.push("from within"));
    });
    alarm.after(300, () => rung.push("between"));
    await vi.advanceTimersByTimeAsync(10_000);
    expect(rung).toEqual(["early", "from within", "between", "late"]);
  });

  test("does not ring if it was called off", async () => {
    const alarm = new Alarm();
    let rung = 0;
    const callOff = alarm.after(50, () => rung++);
    alarm.after(60, () => rung++);
    callOff();
    await vi.advanceTimersByTimeAsync(100);
    expect(rung).toBe(1);
  });

  test("shares one timer", () => {
    const alarm = new Alarm();
    for (const ms of [300_000, 1000, 900_000, 20]) alarm.after(ms, () => {});
    expect(vi.getTimerCount()).toBe(1);
  });
});

describe("within a time", () => {
  test("a value that comes in time is given, and so is an error", async () => {
    const alarm = new Alarm();
    expect(await alarm.within(Promise.resolve(1), 10)).toBe(1);
    await expect(alarm.within(Promise.reject(new Error("no")), 10)).rejects.toThrow("no");
  });

  test("one that comes later is given back, and an error that comes later is ignored", async () => {
    const alarm = new Alarm();
    const late: number[] = [];
    const [value, error] = [Promise.withResolvers<number>(), Promise.withResolvers<number>()];
    const waits = [alarm.within(value.promise, 30, (its) => late.push(its)), alarm.within(error.promise, 30)];
    await vi.advanceTimersByTimeAsync(30);
    expect(await Promise.all(waits)).toEqual([TOO_LATE, TOO_LATE]);
    value.resolve(7);
    error.reject(new Error("late"));
    await vi.advanceTimersByTimeAsync(1);
    expect(late).toEqual([7]);
  });
});
