// Whatever the environment holds: reading it never throws, a refusal names a setting that was set, what is accepted lies within the
// documented bounds, and written again it reads the same.
import fc from "fast-check";
import { expect, test } from "vitest";
import { parseSettings, SETTING_NAMES, type Settings } from "../../../src/settings/settings.ts";
import { seeded } from "../../routing/support/seeded.ts";
import { boundsFault } from "../setting-inputs.ts";

const host = fc.oneof(
  fc.domain(),
  fc.domain().map((name) => `*.${name}:8443`),
  fc.constantFrom("localhost", "[::1]:9", "gpu_1.example"),
);
const GOOD: Partial<Record<keyof Settings, fc.Arbitrary<unknown>>> = {
  HEARTBEAT_TOKENS: fc.oneof(
    fc.stringMatching(/^[a-z0-9]{1,20}$/),
    fc
      .dictionary(
        fc.constantFrom("*", "a", "owner/app", "constructor"),
        fc.oneof(fc.stringMatching(/^[!-~]{1,9}$/), fc.array(fc.stringMatching(/^[!-~]{1,9}$/), { maxLength: 3 })),
      )
      .map((map) => JSON.stringify(map)),
  ),
  ORIGIN_ALLOW: fc.array(host, { maxLength: 5 }).map((hosts) => hosts.join(", ")),
  ALLOW_PRIVATE_ORIGINS: fc.constantFrom("true", "false", true, false),
  APP_FROM: fc.constantFrom("path:1", "path:2", "host", "fixed:any-model", "fixed:owner/app"),
  HINT_HEADERS: fc.array(fc.stringMatching(/^[A-Za-z-]{1,12}$/), { minLength: 1, maxLength: 8 }).map((names) => names.join(" ")),
  HINT_FROM_PATH: fc.constantFrom("/models/{hint}/*", "*/v1/models/{hint}", "/{hint}:*"),
  HINT_FROM_QUERY: fc.stringMatching(/^[a-z_.-]{1,12}$/),
  HINT_FROM_JSON: fc.constantFrom("model", "/input/model", "/a~1b/~0/0", "/"),
  HINT_ALIASES: fc
    .dictionary(fc.constantFrom("llama3", "constructor", "a b"), fc.constantFrom("llama3:latest", "org/model"))
    .map((map) => JSON.stringify(map)),
  NO_SLOT: fc.array(fc.constantFrom("GET */v1/models", "/health", "post /a/*/b", "*")).map((all) => all.join(" , ")),
  MAX_ATTEMPTS: fc.integer({ min: 1, max: 10 }),
  QUEUE_TIMEOUT_MS: fc.integer({ min: 0, max: 86_400_000 }).map(String),
  SCHEDULING: fc.constantFrom("cost", "fifo"),
  AFFINITY_WAIT: fc.constantFrom("auto", "never"),
  CORS_ORIGINS: fc
    .array(fc.constantFrom("*", "https://app.example.com", "HTTP://localhost:80", "http://[::1]:9"))
    .map((all) => all.join()),
};
const odd = fc.oneof(
  fc.string({ unit: "binary", maxLength: 30 }),
  fc.jsonValue({ maxDepth: 2 }).map((json) => JSON.stringify(json)),
  fc.double(),
  fc.boolean(),
  fc.constantFrom<unknown>(null, undefined, {}, [], "\ud800", "__proto__", 10n),
);

const env = fc.record(
  Object.fromEntries(
    SETTING_NAMES.map((name) => [
      name,
      fc.oneof({ arbitrary: GOOD[name] ?? fc.constant(""), weight: 30 }, { arbitrary: odd, weight: 1 }),
    ]),
  ),
  { requiredKeys: [] },
);

/** Settings as the environment that gives them. */
function written(settings: Settings): Record<string, unknown> {
  const { HEARTBEAT_TOKENS: tokens, ORIGIN_ALLOW: patterns, APP_FROM: from, HINT_HEADERS: headers, ...rest } = settings;
  const place = {
    path: () => `path:${from.kind === "path" ? from.segments : ""}`,
    host: () => "host",
    fixed: () => `fixed:${from.kind === "fixed" ? from.app : ""}`,
  };
  const { HINT_FROM_PATH: hintPath, HINT_FROM_JSON: steps, HINT_ALIASES: aliases, NO_SLOT: slotless } = settings;
  return {
    ...Object.fromEntries(Object.entries(rest).map(([name, value]) => [name, value ?? ""])),
    HEARTBEAT_TOKENS: tokens.size === 0 ? "" : JSON.stringify(Object.fromEntries(tokens)),
    ORIGIN_ALLOW: patterns
      .map(({ host, wildcard, port }) => `${wildcard ? "*." : ""}${host}${port === null ? "" : `:${port}`}`)
      .join(" "),
    APP_FROM: place[from.kind](),
    HINT_HEADERS: headers.join(","),
    HINT_FROM_PATH: hintPath?.text ?? "",
    HINT_FROM_JSON: steps?.map((step) => `/${step.replaceAll("~", "~0").replaceAll("/", "~1")}`).join("") ?? "",
    HINT_ALIASES: aliases.size === 0 ? "" : JSON.stringify(Object.fromEntries(aliases)),
    NO_SLOT: slotless.map(({ method, path }) => (method === null ? path.text : `${method} ${path.text}`)).join(),
    CORS_ORIGINS: settings.CORS_ORIGINS.join(),
  };
}

test("an environment is refused by the name of a setting, or lies within the bounds and reads the same again", () => {
  let accepted = 0;
  fc.assert(
    fc.property(env, (given) => {
      const result = parseSettings(given);
      if (!result.ok) {
        expect(given[result.setting]).toBeDefined();
        expect(result.detail).toMatch(/\S/);
        return;
      }
      accepted++;
      expect(boundsFault(result.settings)).toBeNull();
      expect(parseSettings(written(result.settings))).toEqual(result);
    }),
    seeded(3000),
  );
  expect(accepted).toBeGreaterThan(300);
});
