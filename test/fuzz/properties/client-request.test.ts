// Whatever a client sends: reading it never throws, a refusal says what is wrong, what is accepted lies within the documented bounds, and
// hints that were accepted are accepted as the same again.
import fc from "fast-check";
import { expect, test } from "vitest";
import { readClientRequest } from "../../../src/edge/client-request.ts";
import { parseInBandHints, parseRequestHints } from "../../../src/wire/hints.ts";
import { isControlPath, splitUrl } from "../../../src/wire/request-url.ts";
import { parseSettings, type Settings } from "../../../src/settings/settings.ts";
import { seeded } from "../../routing/support/seeded.ts";

const HINT = /^(?! )[\u0020-\u002b\u002d-\u007e]{1,512}(?<! )$/;

function settings(env: Record<string, string>): Settings {
  const result = parseSettings(env);
  if (!result.ok) throw new Error(result.detail);
  return result.settings;
}

/** What a header's value can hold once it is a `Headers`' own. */
const value = fc
  .oneof(
    fc.string({ unit: fc.constantFrom(..."0123456789.,;:-+eE_\"' \tnormalwxyz/()%".split("")), maxLength: 30 }),
    fc.string({ unit: fc.integer({ min: 1, max: 255 }).map((code) => String.fromCharCode(code)), maxLength: 600 }),
    fc.constantFrom(
      "5",
      "0.5",
      "0",
      "low",
      "normal",
      "1.1 warmpath",
      "sdxl, flux",
      "a,".repeat(20),
      "x".repeat(513),
      "1".repeat(400),
    ),
  )
  .map((text) => text.replaceAll(/[\0\r\n]/g, ""));

const NAMES = [
  "x-fal-runner-hint",
  "x-model",
  "x-fal-request-timeout",
  "x-warmpath-cost",
  "x-warmpath-prewarm",
  "x-fal-queue-priority",
  "x-fal-no-retry",
  "via",
  "accept",
] as const;

const piece = fc.constantFrom(
  "/",
  "//",
  "..",
  "/../",
  "%2e%2e",
  "%2f",
  "\\",
  "-",
  "/-/",
  "a",
  "/owner/app",
  "?",
  "#",
  "?x=1",
  "%",
  "é",
  ":",
  "@",
  " ",
  "'",
  "fal_max_queue_length=",
  "&fal_max_queue_length=7",
  "1e3",
);
const url = fc
  .tuple(
    fc.constantFrom("http://r", "https://R.Example:8443", "http://[::1]:1", "http://1.2.3.4"),
    fc.array(piece, { maxLength: 9 }),
  )
  .map(([origin, pieces]) => `${origin}/${pieces.join("")}`);
const from = fc.constantFrom("path:1", "path:2", "host", "fixed:any-model");

test("a request is refused with a known error, or lies within the bounds", () => {
  const outcomes = new Map<string, number>();
  fc.assert(
    fc.property(url, fc.dictionary(fc.constantFrom(...NAMES), value, { maxKeys: 4 }), from, (url, headers, appFrom) => {
      const env = settings({
        APP_FROM: appFrom,
        HINT_HEADERS: "x-fal-runner-hint, x-model",
        HINT_FROM_PATH: "*/a/{hint}*",
        HINT_FROM_QUERY: "x",
        HINT_FROM_JSON: "model",
        NO_SLOT: "GET *a, /owner/*",
      });
      const result = readClientRequest(new Request(url, { headers }), splitUrl(url), env);
      const outcome = result.ok ? "accepted" : result.error.type;
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      if (!result.ok) {
        expect(["bad_request", "app_not_found", "loop_detected"]).toContain(result.error.type);
        if (result.error.type === "bad_request") expect(result.error.detail).toMatch(/^[\w, -]+: \S/);
        return;
      }
      const { app, path, target, hints, timeoutMs, queueLengthMax, declaredMs } = result.value;
      expect(app).toMatch(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}(\/[A-Za-z0-9][A-Za-z0-9._-]{0,127})?$/);
      expect(path).toMatch(/^\/[!-~]*$/);
      expect(target.startsWith(path)).toBe(true);
      expect(target.slice(path.length)).toMatch(/^(\?[!-~]*)?$/);
      expect(new URL(`http://replica:1${target}`).host).toBe("replica:1");
      expect(hints.length).toBeLessThanOrEqual(8);
      for (const hint of hints) expect(hint).toMatch(HINT);
      expect(timeoutMs > 0 && timeoutMs <= 300_000).toBe(true);
      expect(queueLengthMax === null || (Number.isInteger(queueLengthMax) && queueLengthMax >= 0)).toBe(true);
      expect(declaredMs === null || (declaredMs > 0 && declaredMs <= 86_400_000)).toBe(true);
    }),
    seeded(5000),
  );
  for (const outcome of ["accepted", "bad_request", "app_not_found", "loop_detected"]) {
    expect(outcomes.get(outcome) ?? 0, outcome).toBeGreaterThan(20);
  }
});

test("a URL's parts make up the URL that is sent on, without its fragment, and read the same again", () => {
  fc.assert(
    fc.property(url, (text) => {
      const { scheme, host, path, query } = splitUrl(text);
      const whole = new URL(text);
      expect(`${scheme}:`).toBe(whole.protocol);
      expect(host).toBe(whole.host);
      expect(path).toBe(whole.pathname);
      expect(["", "?", whole.search]).toContain(query);
      expect(splitUrl(`${scheme}://${host}${path}${query}`)).toEqual({ scheme, host, path, query });
      expect(isControlPath(path)).toBe(/^\/-(\/|$)/.test(whole.pathname));
    }),
    seeded(5000),
  );
});

test("a URL that is none has no parts, and never throws", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: "binary" }),
        fc.string().map((host) => `http://${host}/a`),
      ),
      (text) => {
        const { host, path, query } = splitUrl(text);
        if (!URL.canParse(text)) expect(host + path + query).toBe("");
      },
    ),
    seeded(3000),
  );
});

const list = fc.array(fc.oneof(value, fc.string({ unit: "binary", maxLength: 20 })), { maxLength: 6 });

test("hints of a request are refused with a reason, or are at most 8, each a hint, and read the same again", () => {
  fc.assert(
    fc.property(list, (values) => {
      const result = parseRequestHints(values);
      if (!result.ok) {
        expect(result.detail).toMatch(/^(a hint (is longer than|holds)|more than 8) /);
        return;
      }
      expect(result.hints.length).toBeLessThanOrEqual(8);
      for (const hint of result.hints) expect(hint).toMatch(HINT);
      expect(new Set(result.hints).size).toBe(result.hints.length);
      expect(parseRequestHints([result.hints.join(",")])).toEqual(result);
      expect(parseRequestHints(result.hints)).toEqual(result);
    }),
    seeded(3000),
  );
});

test("hints in band are never refused: at most 256, each a hint, and the same again", () => {
  fc.assert(
    fc.property(
      list.map((values) => values.join(",")),
      fc.integer({ min: 0, max: 400 }),
      (header, more) => {
        const hints = parseInBandHints(`${header},${Array.from({ length: more }, (_, index) => `h${index}`).join(",")}`);
        expect(hints.length).toBeLessThanOrEqual(256);
        for (const hint of hints) expect(hint).toMatch(HINT);
        expect(parseInBandHints(hints.join(","))).toEqual(hints);
      },
    ),
    seeded(2000),
  );
});
