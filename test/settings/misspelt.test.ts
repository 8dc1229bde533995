// Misspelt settings are found by their names alone. Names that an environment ordinarily holds are not reported.
import { expect, test } from "vitest";
import { BOUNDS } from "../../src/limits.ts";
import { misspeltSettings } from "../../src/settings/misspelt.ts";
import { SETTING_NAMES } from "../../src/settings/settings.ts";

const warnings = (names: Iterable<string>) => misspeltSettings(names).map(({ warning }) => warning);

test.each([
  ["ADMIN_TOKENS", "ADMIN_TOKEN"],
  ["HEARTBEAT_TOKEN", "HEARTBEAT_TOKENS"],
  ["QUEUE_TIMEOUT", "QUEUE_TIMEOUT_MS"],
  ["QUEUE_TIMEOUT_S", "QUEUE_TIMEOUT_MS"],
  ["QUEUE_LENGTH", "QUEUE_LENGTH_MAX"],
  ["COLD_START", "COLD_START_MS"],
  ["ORIGIN_ALOW", "ORIGIN_ALLOW"],
  ["ORIGINS_ALLOW", "ORIGIN_ALLOW"],
  ["origin_allow", "ORIGIN_ALLOW"],
  ["ORIGIN-ALLOW", "ORIGIN_ALLOW"],
  ["ALLOW_PRIVATE_ORIGIN", "ALLOW_PRIVATE_ORIGINS"],
  ["CORS_ORIGIN", "CORS_ORIGINS"],
  ["APP_FORM", "APP_FROM"],
  ["HEARTBEATS_LIMIT", "HEARTBEAT_LIMIT"],
])("%s: did you mean %s?", (name, meant) => {
  expect(warnings(["PATH", name, meant])).toEqual([`${name} is not a setting: did you mean ${meant}?`]);
});

test("settings and bindings are known", () => {
  expect(warnings([...SETTING_NAMES, "FLEET", "DIRECTORY", "HEARTBEAT_LIMIT", "UNKNOWN_APP_LIMIT"])).toEqual([]);
});

test("what an environment ordinarily holds is none", () => {
  const ordinary = `PATH HOME USER LOGNAME SHELL PWD OLDPWD TERM LANG LC_ALL TZ DISPLAY EDITOR HOST HOSTNAME PORT TMPDIR NODE_ENV NODE_OPTIONS
    NO_COLOR CI DEBUG SSH_AUTH_SOCK XDG_RUNTIME_DIR XDG_SESSION_ID DBUS_SESSION_BUS_ADDRESS INVOCATION_ID JOURNAL_STREAM SYSTEMD_EXEC_PID
    GITHUB_TOKEN GITHUB_ACTIONS NPM_TOKEN FAL_KEY OPENAI_API_KEY CLOUDFLARE_API_TOKEN CLOUDFLARE_ACCOUNT_ID CUDA_VISIBLE_DEVICES
    APP_NAME APP_ENV APP_PORT APP_HOST APP_ROOT APP_HOME APP_URL MAX_RETRIES QUEUE_URL CACHE_DIR LOG_LEVEL SECRET_KEY ADMIN_EMAIL ADMIN_USER
    KUBERNETES_SERVICE_HOST KUBERNETES_PORT HTTP_PROXY HTTPS_PROXY NO_PROXY npm_config_cache npm_lifecycle_event npm_package_json INIT_CWD
    WRANGLER_SEND_METRICS VIRTUAL_ENV LESSOPEN SHLVL _ COLORTERM DOCKER_HOST LD_LIBRARY_PATH ASSETS DB KV CF_VERSION_METADATA`;
  expect(warnings(ordinary.split(/\s+/))).toEqual([]);
});

test("the first few are told, and no name that could not be a variable's", () => {
  const many = Array.from({ length: 26 }, (_, n) => `ADMIN_TOKE${String.fromCharCode(65 + n)}`);
  expect(warnings(many)).toHaveLength(BOUNDS.warnings);
  expect(warnings(["ADMIN_TOKEN ", "ADMIN\nTOKEN", 'ADMIN"TOKEN', "", "A".repeat(100_000)])).toEqual([]);
});
