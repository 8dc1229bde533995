// Whatever JSON a heartbeat is: reading it never throws, a refusal names a field, what is accepted lies within the documented bounds,
// and said again it is accepted as the same.
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Heartbeat } from "../../../src/routing/ledger/report.ts";
import { isAppName, parseHeartbeat, parseHeartbeatApp } from "../../../src/wire/heartbeat.ts";
import { seeded } from "../../routing/support/seeded.ts";
import { FIELDS, heartbeatBody } from "./heartbeat-body.ts";

/** A heartbeat as its replica would have to write it. */
function written({ hintSlots, inFlight, ...rest }: Heartbeat): unknown {
  return JSON.parse(JSON.stringify({ ...rest, hint_slots: hintSlots, in_flight: inFlight }));
}

function expectBounds(beat: Heartbeat): void {
  expect(isAppName(beat.app)).toBe(true);
  expect(beat.app).toMatch(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}(\/[A-Za-z0-9][A-Za-z0-9._-]{0,127})?$/);
  expect(beat.replica).toMatch(/^[\u0021-\u007e]{1,256}$/);
  expect(beat.origin).toBe(new URL(beat.origin).origin);
  expect(beat.origin).toMatch(/^https?:\/\/[^\s/?#@\\]+$/);
  for (const number of [beat.incarnation, beat.sequence ?? 0, beat.inFlight ?? 0]) {
    expect(Number.isSafeInteger(number) && number >= 0).toBe(true);
  }
  expect(Number.isInteger(beat.concurrency) && beat.concurrency >= 1 && beat.concurrency <= 10_000).toBe(true);
  const slots = beat.hintSlots ?? 0;
  expect(Number.isInteger(slots) && slots >= 0 && slots <= 256).toBe(true);
  expect(["starting", "ready", "draining", "stopped"]).toContain(beat.status);
  const hints = beat.hints ?? [];
  expect(hints.length).toBeLessThanOrEqual(256);
  expect(new Set(hints).size).toBe(hints.length);
  for (const hint of hints) expect(hint).toMatch(/^(?! )[\u0020-\u002b\u002d-\u007e]{1,512}(?<! )$/);
}

test("a heartbeat is refused by the name of a field, or lies within the bounds and reads the same again", () => {
  let accepted = 0;
  fc.assert(
    fc.property(heartbeatBody, (said) => {
      const result = parseHeartbeat(said);
      if (!result.ok) {
        expect(["body", ...FIELDS]).toContain(result.field.split(".", 1)[0]);
        expect(result.detail).toMatch(/\S/);
        return;
      }
      accepted++;
      expectBounds(result.value);
      const again = parseHeartbeat(written(result.value));
      // As JSON: -0 is 0 there, and no sequence or count is more than that.
      expect(JSON.stringify(again)).toBe(JSON.stringify(result));
    }),
    seeded(3000),
  );
  expect(accepted).toBeGreaterThan(200);
});

test("the app is read as the whole heartbeat reads it", () => {
  fc.assert(
    fc.property(heartbeatBody, (said) => {
      const app = parseHeartbeatApp(said);
      const whole = parseHeartbeat(said);
      if (whole.ok) expect(app).toEqual({ ok: true, value: whole.value.app });
      else if (!app.ok) expect(["body", "app"]).toContain(app.field);
      else expect(whole.field).not.toBe("app");
    }),
    seeded(3000),
  );
});
