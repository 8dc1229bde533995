// Properties of every origin outside development: no address is admitted in any spelling, and no host that ORIGIN_ALLOW does not name.
import fc from "fast-check";
import { expect, test } from "vitest";
import { CARELESS, judged } from "../support/origins.ts";

const RUNS = { seed: 20_261, numRuns: 2000 };
const byte = fc.integer({ min: 0, max: 255 });
const inBase = (value: number, base: "decimal" | "octal" | "hex" | "HEX"): string => {
  if (base === "decimal") return String(value);
  return base === "octal" ? `0${value.toString(8)}` : base === "hex" ? `0x${value.toString(16)}` : `0X${value.toString(16)}`;
};
const base = fc.constantFrom("decimal", "octal", "hex", "HEX" as const);

/** The four bytes of an address as one to four numbers, each written in some base. */
const ipv4 = fc
  .tuple(fc.tuple(byte, byte, byte, byte), fc.integer({ min: 1, max: 4 }), fc.tuple(base, base, base, base))
  .map(([bytes, parts, bases]) => {
    const last = bytes.slice(parts - 1).reduce((sum, part) => sum * 256 + part, 0);
    return [...bytes.slice(0, parts - 1), last].map((part, place) => inBase(part, bases[place] ?? "decimal")).join(".");
  });
const group = fc.integer({ min: 0, max: 0xffff }).map((value) => value.toString(16));
const ipv6 = fc.oneof(
  fc.array(group, { minLength: 8, maxLength: 8 }).map((groups) => `[${groups.join(":")}]`),
  fc.array(group, { minLength: 0, maxLength: 6 }).map((groups) => `[::${groups.join(":")}]`),
  fc.tuple(byte, byte, byte, byte).map((bytes) => `[::ffff:${bytes.join(".")}]`),
  fc.tuple(byte, byte, byte, byte).map((bytes) => `[64:ff9b::${bytes.join(".")}]`),
);

test("an address in any spelling is refused", () => {
  fc.assert(
    fc.property(fc.oneof(ipv4, ipv6), fc.boolean(), (host, upper) => {
      const spelled = upper ? host.toUpperCase() : host;
      expect(judged(`https://${spelled}`, CARELESS)).toHaveProperty("refused");
      expect(judged(`https://${spelled}:8443/`, CARELESS)).toHaveProperty("refused");
    }),
    RUNS,
  );
});

// The test reads ORIGIN_ALLOW by itself and does not use the policy's code.
test("what is admitted matches a pattern, whole, and is kept as it is written", () => {
  const pieces = [
    "gpu",
    "example",
    "com",
    "org",
    "one",
    "evil",
    "127",
    "0x7f",
    "local",
    "xn--a",
    ".",
    ".",
    ".",
    "-",
    ":",
    "8443",
  ];
  const odd = ["@", "/", "\\", "?", "#", "%2e", "%00", "\t", "\n", "[", "]", "\uff0e", "\u3002", "*", "_", "A", ":443", ":0"];
  const host = fc.array(fc.constantFrom(...pieces, ...odd), { minLength: 1, maxLength: 8 }).map((parts) => parts.join(""));
  const near = fc
    .tuple(host, fc.constantFrom(".gpu.example.com", "gpu.example.com", "gpu.example.org:8443", ".gpu.example.com/", ""))
    .map((ends) => ends.join(""));
  let admitted = 0;
  fc.assert(
    fc.property(fc.oneof(host, near), (text) => {
      const verdict = judged(`https://${text}`, "*.gpu.example.com gpu.example.org:8443");
      if ("refused" in verdict) return;
      admitted++;
      expect(new URL(verdict.kept).host).toMatch(/^([a-z0-9_.-]+\.gpu\.example\.com|gpu\.example\.org:8443)$/);
      expect(`https://${text}`.toLowerCase().replace(/\/$/, "").replace(/:443$/, "")).toBe(verdict.kept);
    }),
    { ...RUNS, numRuns: 20_000 },
  );
  expect(admitted).toBeGreaterThan(100);
});
