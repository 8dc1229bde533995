// {app} in ORIGIN_ALLOW: such a pattern admits for each app only hosts with that app's name.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { originFault } from "../../src/settings/origin-policy.ts";
import { parseSettings } from "../../src/settings/settings.ts";

const OWN_URL = "https://router.example.com/-/heartbeat";

function fault(allow: string, app: string, origin: string): string | null {
  const result = parseSettings({ ORIGIN_ALLOW: allow });
  if (!result.ok) throw new Error(result.detail);
  return originFault(origin, app, OWN_URL, result.settings);
}

describe("the grammar", () => {
  test.each([
    ["{app}.gpu.example.com", { host: "{app}.gpu.example.com", wildcard: false, port: null }],
    ["*.{app}.gpu.example.com", { host: "{app}.gpu.example.com", wildcard: true, port: null }],
    ["*.{APP}.GPU.example.com:8443", { host: "{app}.gpu.example.com", wildcard: true, port: "8443" }],
    ["one.{app}.example.com", { host: "one.{app}.example.com", wildcard: false, port: null }],
    ["{app}.com", { host: "{app}.com", wildcard: false, port: null }],
  ])("%s", (text, is) => {
    expect(parseSettings({ ORIGIN_ALLOW: text })).toMatchObject({ ok: true, settings: { ORIGIN_ALLOW: [is] } });
  });

  test.each([
    ["alone", "{app}"],
    ["below everything", "*.{app}"],
    ["as the last label", "gpu.{app}"],
    ["as part of a label", "gpu-{app}.example.com"],
    ["as part of a label, before", "{app}-gpu.example.com"],
    ["twice", "{app}.{app}.example.com"],
    ["with another name", "{owner}.example.com"],
    ["unfinished", "{app.example.com"],
    ["above the star", "{app}.*.example.com"],
  ])("%s it is refused", (_, text) => {
    const detail = `must be hosts like *.gpu.example.com or gpu.example.org:8443, but element 2 is not one`;
    expect(parseSettings({ ORIGIN_ALLOW: `a.example.com ${text}` })).toEqual({ ok: false, setting: "ORIGIN_ALLOW", detail });
  });
});

describe("what it admits", () => {
  const ALLOW = "*.{app}.gpu.example.com {app}.gpu.example.com:8443";

  test.each([
    ["tts", "https://one.tts.gpu.example.com"],
    ["tts", "https://a.b.tts.gpu.example.com"],
    ["tts", "https://other.tts.gpu.example.com"],
    ["tts", "https://tts.gpu.example.com:8443"],
    ["a", "https://x.a.gpu.example.com"],
    ["9", "https://x.9.gpu.example.com"],
    ["any-model", "https://any-model.gpu.example.com:8443"],
    ["l".repeat(63), `https://${"l".repeat(63)}.gpu.example.com:8443`],
  ])("for the app %s: %s", (app, origin) => {
    expect(fault(ALLOW, app, origin)).toBeNull();
  });

  test.each([
    ["tts", "https://one.other.gpu.example.com"],
    ["tts", "https://one.tts.other.gpu.example.com"],
    ["tts", "https://one.xtts.gpu.example.com"],
    ["tts", "https://one.tts-x.gpu.example.com"],
    ["tts", "https://tts.gpu.example.com"],
    ["tts", "https://one.tts.gpu.example.com:8443"],
    ["tts", "https://other.gpu.example.com:8443"],
    ["tts", "https://tts.gpu.example.com.evil.com:8443"],
    ["tts", "https://one.gpu.example.com"],
  ])("not for the app %s: %s", (app, origin) => {
    expect(fault(ALLOW, app, origin)).toContain("ORIGIN_ALLOW");
  });

  // With such a name the pattern would hold no label, two labels, a star or the label of another app.
  test.each(["TTS", "Tts", "a.b", "gpu", "owner/tts", "tts.", "tts-", "a_b", "l".repeat(64), "$&"])(
    "an app named %s is no lower-case label, or another label",
    (app) => {
      for (const origin of [
        "https://one.tts.gpu.example.com",
        "https://x.a.b.gpu.example.com",
        "https://tts.gpu.example.com:8443",
      ]) {
        expect(fault(ALLOW, app, origin)).toContain("ORIGIN_ALLOW");
      }
      const asWritten = `https://one.${app.toLowerCase()}.gpu.example.com`;
      if (app !== "gpu" && URL.canParse(asWritten)) expect(fault(ALLOW, app, asWritten)).toContain("ORIGIN_ALLOW");
    },
  );

  test("a pattern without it admits every app, beside one with it too", () => {
    expect(fault(`${ALLOW} *.shared.example.com`, "tts", "https://one.shared.example.com")).toBeNull();
    expect(fault(`${ALLOW} *.gpu.example.com`, "tts", "https://one.other.gpu.example.com")).toBeNull();
  });

  test("it does not make a private name public", () => {
    for (const allow of ["{app}.internal", "*.{app}.local"]) {
      expect(fault(allow, "tts", "https://tts.internal")).not.toBeNull();
      expect(fault(allow, "tts", "https://a.tts.local")).not.toBeNull();
    }
  });

  test("no origin is admitted for two apps", () => {
    const name = fc.stringMatching(/^[a-c][a-c-]{0,2}$/);
    const host = fc.array(name, { minLength: 0, maxLength: 4 }).map((labels) => [...labels, "gpu.example.com"].join("."));
    let admitted = 0;
    fc.assert(
      fc.property(name, name, host, fc.constantFrom("", ":8443"), (one, other, its, port) => {
        if (one === other || fault(ALLOW, one, `https://${its}${port}`) !== null) return;
        admitted++;
        expect(fault(ALLOW, other, `https://${its}${port}`)).toContain("ORIGIN_ALLOW");
      }),
      { seed: 7, numRuns: 20_000 },
    );
    expect(admitted).toBeGreaterThan(100);
  });
});
