// Bodies of heartbeats for properties, mostly good but for one field.
import fc from "fast-check";

export const FIELDS = [
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
] as const;

const printable = (maxLength: number) => fc.string({ unit: "grapheme-ascii", maxLength });
const odd = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.constantFrom<unknown>(-0, NaN, Infinity, 1e21, 2 ** 53, "\ud800", "a\r\nb", "__proto__", undefined),
);
const often = (good: fc.Arbitrary<unknown>) => fc.oneof({ arbitrary: good, weight: 8 }, { arbitrary: odd, weight: 1 });
const count = (max: number) =>
  often(fc.oneof(fc.integer({ min: 0, max: Math.min(max, 2 ** 31 - 1) }), fc.constantFrom(0, 1, max, max + 1)));

const report: fc.Arbitrary<Record<string, unknown>> = fc.record(
  {
    app: often(fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,20}(\/[A-Za-z0-9]{1,9})?$/)),
    replica: often(fc.oneof(fc.stringMatching(/^[!-~]{1,30}$/), printable(300))),
    origin: often(
      fc.oneof(
        fc.webUrl({ withFragments: false, validSchemes: ["http", "https"] }),
        fc.domain().map((host) => `https://${host}:8443/`),
      ),
    ),
    incarnation: count(Number.MAX_SAFE_INTEGER),
    sequence: count(Number.MAX_SAFE_INTEGER),
    hints: often(fc.oneof(fc.array(printable(20), { maxLength: 300 }), fc.array(printable(600), { maxLength: 4 }))),
    hint_slots: count(256),
    concurrency: count(10_000),
    in_flight: count(Number.MAX_SAFE_INTEGER),
    status: often(fc.constantFrom("starting", "ready", "draining", "stopped")),
  },
  { requiredKeys: ["app", "replica", "origin"] },
);
/** What a POST of a heartbeat may hold: good ones, and whatever else. */
export const heartbeatBody = fc.oneof({ arbitrary: report, weight: 5 }, { arbitrary: odd, weight: 1 });
