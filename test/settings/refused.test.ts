// What `npm run serve` says at its start: a line for each missing setting without which something is refused, and no value of a setting.
import { expect, test } from "vitest";
import { refusedWithout } from "../../scripts/refused.ts";
import { parseSettings } from "../../src/settings/settings.ts";

const [TOKENS, ADMIN, ORIGINS] = ["HEARTBEAT_TOKENS", "ADMIN_TOKEN", "ORIGIN_ALLOW"];

test.each<[string, Record<string, string>, (string | undefined)[]]>([
  ["nothing is set", {}, [TOKENS, ADMIN, ORIGINS]],
  ["settings are empty", { HEARTBEAT_TOKENS: "", ADMIN_TOKEN: " ", ORIGIN_ALLOW: "" }, [TOKENS, ADMIN, ORIGINS]],
  ["JSON names no token", { HEARTBEAT_TOKENS: "{}", ADMIN_TOKEN: "a", ORIGIN_ALLOW: "*.example.com" }, [TOKENS]],
  ["only tokens are set", { HEARTBEAT_TOKENS: "secret", ADMIN_TOKEN: "secret" }, [ORIGINS]],
  ["private origins are admitted", { HEARTBEAT_TOKENS: "secret", ALLOW_PRIVATE_ORIGINS: "true" }, [ADMIN]],
  ["private origins are not", { HEARTBEAT_TOKENS: "secret", ADMIN_TOKEN: "secret", ALLOW_PRIVATE_ORIGINS: "false" }, [ORIGINS]],
  ["all is set", { HEARTBEAT_TOKENS: "secret", ADMIN_TOKEN: "secret", ORIGIN_ALLOW: "*.example.com" }, []],
])("if %s", (_, env, missing) => {
  const parsed = parseSettings(env);
  if (!parsed.ok) throw new Error(parsed.detail);
  const lines = refusedWithout(parsed.settings);
  expect(lines.map((line) => line.split(" ", 1)[0])).toEqual(missing);
  for (const line of lines) expect(line).toMatch(/\b4\d\d\b/);
  expect(lines.join("\n")).not.toContain("secret");
});
