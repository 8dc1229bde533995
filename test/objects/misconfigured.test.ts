// Every client gets the name of the bad setting, and nothing of its value, which may hold a secret or an internal name.
import { env } from "cloudflare:workers";
import { createExecutionContext } from "cloudflare:test";
import { describe, expect, test } from "vitest";
import worker from "../../src/index.ts";
import { BOUNDS } from "../../src/limits.ts";
import { SETTING_NAMES, type Settings } from "../../src/settings/settings.ts";

/** A part of every bad value. It is lower case because host patterns are lower-cased. */
const MARK = "unt0ld";

const many = (count: number) => Array.from({ length: count }, (_, n) => `${MARK}${n}`);

/** Bad texts for each setting, one for each kind of fault. Null: no text is bad. */
const BAD: Readonly<Record<keyof Settings, readonly string[] | null>> = {
  HEARTBEAT_TOKENS: [
    `${MARK} with a space`,
    `{"a": "${MARK}" oops`,
    `{"a": {"${MARK}": "${MARK}"}}`,
    `{"${MARK} is no name": "${MARK}"}`,
    `{"a": ["${MARK}", 7]}`,
    JSON.stringify({ "*": many(BOUNDS.heartbeatTokens + 1) }),
  ],
  METRICS_TOKEN: [`${MARK} with a space`],
  DASHBOARD_HOST: [`https://${MARK}.example.com`, `${MARK}.example.com/path`],
  ADMIN_TOKEN: [`${MARK} with a space`, `${MARK}\u00e9`],
  ORIGIN_SIGNING_KEY: null,
  ORIGIN_ALLOW: [
    `http://user:${MARK}@10.0.0.5`,
    `gpu.example.com, *.${MARK}.*`,
    `${MARK}:99999`,
    `{app}.{app}.${MARK}`,
    many(BOUNDS.originPatterns + 1).join(),
  ],
  ALLOW_PRIVATE_ORIGINS: [MARK],
  APP_FROM: [MARK, `fixed:${MARK} x`],
  HINT_HEADERS: [`x-a, ${MARK}:`, many(BOUNDS.hintHeaders + 1).join()],
  HINT_FROM_PATH: [MARK, `/${MARK}`, `/${MARK}-{hint}`, `/{hint}/${MARK}?x`],
  HINT_FROM_QUERY: [`${MARK} x`, MARK.repeat(20)],
  HINT_FROM_JSON: [`/${MARK}~`, `/${MARK}`.repeat(9), MARK.repeat(50)],
  HINT_ALIASES: [
    MARK,
    `{"a": "${MARK}" oops`,
    `{"${MARK}": 7}`,
    `{"${MARK},": "a"}`,
    `{"a": "${MARK}", "${MARK}": "b"}`,
    JSON.stringify(Object.fromEntries(many(BOUNDS.hintAliases + 1).map((alias) => [alias, "a"]))),
  ],
  MODELS_ENDPOINT: [MARK],
  NO_SLOT: [
    MARK,
    `/a, GET ${MARK}`,
    `/${MARK} x`,
    `/${MARK}?x`,
    many(BOUNDS.noSlotPatterns + 1)
      .map((name) => `/${name}`)
      .join(),
  ],
  DISPATCH: [MARK],
  FLEET_LOCATION: [MARK],
  MAX_ATTEMPTS: [MARK, `1${MARK}`],
  RETRY_BODY_MAX_BYTES: [MARK],
  QUEUE_TIMEOUT_MS: [MARK],
  QUEUE_LENGTH_MAX: [MARK],
  FIRST_BYTE_TIMEOUT_MS: [MARK],
  IDLE_TIMEOUT_MS: [MARK],
  SNAPSHOT_MAX_AGE_MS: [MARK],
  HEARTBEAT_INTERVAL_MS: [MARK],
  HEARTBEAT_RATE_MAX: [MARK],
  COLD_START_MS: [MARK],
  SCHEDULING: [MARK],
  AFFINITY_WAIT: [MARK],
  SCALE_WEBHOOK: [MARK, `https://${MARK}:${MARK}@a.example.com/`, `https://a.example.com/${MARK.repeat(400)}`],
  SCALE_WEBHOOK_TOKEN: [`${MARK} with a space`],
  LOG: [MARK],
  LOG_SAMPLE_PERCENT: [MARK],
  CORS_ORIGINS: [MARK, `https://a.example.com https://${MARK}/path`, many(BOUNDS.corsOrigins + 1).join()],
};

/** A binding of type JSON can hold other values than text. */
const NO_TEXT: readonly unknown[] = [{ [MARK]: MARK }, [MARK], [[MARK]]];

describe.each(SETTING_NAMES)("%s", (setting) => {
  test.each([...(BAD[setting] ?? []), ...NO_TEXT])("%j is told to nobody", async (value) => {
    for (const [method, target] of [
      ["GET", "/any/x"],
      ["GET", "/-/healthz"],
      ["POST", "/-/heartbeat"],
      ["GET", "/-/apps"],
    ] as const) {
      const request = new Request(`http://router${target}`, { method }) as Parameters<typeof worker.fetch>[0];
      const response = await worker.fetch(request, { ...env, [setting]: value }, createExecutionContext());
      const text = await response.text();
      expect([response.status, JSON.parse(text)]).toMatchObject([500, { error_type: "misconfigured", setting }]);
      expect(`${[...response.headers].join("\n")}\n${text}`.toLowerCase()).not.toContain(MARK);
    }
  });
});
