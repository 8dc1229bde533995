// Settings without which something is refused: `npm run serve` says so at its start, `GET /-/healthz` names them.
import { expect, test } from "vitest";
import { missingSettings, REFUSED_WITHOUT } from "../../src/settings/refused.ts";
import { parseSettings } from "../../src/settings/settings.ts";

const [TOKENS, ADMIN, ORIGINS] = ["HEARTBEAT_TOKENS", "ADMIN_TOKEN", "ORIGIN_ALLOW"];

test.each<[string, Record<string, string>, (string | undefined)[]]>([
  ["nothing is set", {}, [TOKENS, ADMIN, ORIGINS]],
  ["settings are empty", { HEARTBEAT_TOKENS: "", ADMIN_TOKEN: " ", ORIGIN_ALLOW: "" }, [TOKENS, ADMIN, ORIGINS]],
  ["JSON names no token", { HEARTBEAT_TOKENS: "{}", ADMIN_TOKEN: "a", ORIGIN_ALLOW: "*.example.com" }, [TOKENS]],
  ["only tokens are set", { HEARTBEAT_TOKENS: "secret", ADMIN_TOKEN: "secret" }, [ORIGINS]],
  ["private origins are admitted", { HEARTBEAT_TOKENS: "secret", ALLOW_PRIVATE_ORIGINS: "true" }, [ADMIN]],
  ["private origins are not", { HEARTBEAT_TOKENS: "secret", ADMIN_TOKEN: "secret", ALLOW_PRIVATE_ORIGINS: "false" }, [ORIGINS]],
  [
    "private origins must be listed, and none is",
    { HEARTBEAT_TOKENS: "secret", ADMIN_TOKEN: "secret", ALLOW_PRIVATE_ORIGINS: "listed" },
    [ORIGINS],
  ],
  ["all is set", { HEARTBEAT_TOKENS: "secret", ADMIN_TOKEN: "secret", ORIGIN_ALLOW: "*.example.com" }, []],
])("if %s", (_, env, missing) => {
  const parsed = parseSettings(env);
  if (!parsed.ok) throw new Error(parsed.detail);
  const names = missingSettings(parsed.settings);
  expect(names).toEqual(missing);
  for (const name of names) expect(REFUSED_WITHOUT[name]).toMatch(new RegExp(`^${name} .*\\b4\\d\\d\\b`));
});
