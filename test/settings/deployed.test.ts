// What a deploy is told of settings, in four files: each names the same, and no file brings a value that opens a router.
import { readFileSync } from "node:fs";
import path from "node:path";
import { parseEnv } from "node:util";
import { expect, test } from "vitest";
import { unstable_readConfig as readConfig } from "wrangler";
import { PROJECT } from "../../scripts/bundle.ts";
import { valuesOf, WRANGLER_TOML } from "../../scripts/setting-sources.ts";
import { missingSettings } from "../../src/settings/refused.ts";
import { parseSettings, SECRET_NAMES, SETTING_NAMES } from "../../src/settings/settings.ts";

const textOf = (...names: readonly string[]) => readFileSync(path.join(PROJECT, ...names), "utf8");
const example = textOf(".dev.vars.example");
const vars = valuesOf("vars");

test("secrets are in no file with a value, and only those that every router needs are asked for", () => {
  const asked = parseEnv(example);
  expect(asked).toEqual({ HEARTBEAT_TOKENS: "", ADMIN_TOKEN: "" });
  for (const name of SECRET_NAMES) expect(vars).not.toHaveProperty(name);
});

test(".dev.vars.example has every secret, with a comment above it", () => {
  const lines = example.split("\n");
  const named = [...example.matchAll(/^(?:# )?([A-Z_]+)=/gm)].map(([, name]) => name);
  expect(named).toEqual([...SECRET_NAMES, "ALLOW_PRIVATE_ORIGINS"]);
  for (const name of named) {
    const above = lines[lines.findIndex((line) => line.includes(`${name}=`)) - 1];
    expect(above, name).toMatch(/^# \w.* \w/);
  }
});

test("package.json describes every secret and every variable of wrangler.toml", () => {
  const { cloudflare } = JSON.parse(textOf("package.json")) as {
    cloudflare: { bindings: Record<string, { description: string }> };
  };
  expect(Object.keys(cloudflare.bindings).sort()).toEqual([...SECRET_NAMES, ...Object.keys(vars)].sort());
  for (const [name, { description }] of Object.entries(cloudflare.bindings)) {
    expect(description.startsWith("**Secret"), name).toBe(SECRET_NAMES.some((secret) => secret === name));
  }
});

test("wrangler.toml names every secret in its head, and gives good values of settings alone", () => {
  const [head = ""] = textOf("wrangler.toml").split("\nname =", 1);
  for (const name of SECRET_NAMES) expect(head).toContain(name);
  for (const name of Object.keys(vars)) expect(SETTING_NAMES).toContain(name);
  const parsed = parseSettings(vars);
  if (!parsed.ok) throw new Error(parsed.detail);
  expect(missingSettings(parsed.settings)).toEqual(["HEARTBEAT_TOKENS", "ADMIN_TOKEN", "ORIGIN_ALLOW"]);
});

test("docs/settings.md marks the secrets", () => {
  const marked = [...textOf("docs", "settings.md").matchAll(/^\| `([A-Z_]+)` \(secret\)/gm)].map(([, name]) => name);
  expect(marked).toEqual([...SECRET_NAMES]);
});

test("staging is deployed as production is, under a name of its own, with values of its own for the same variables", () => {
  const configOf = (env: string) => readConfig({ config: WRANGLER_TOML, env }, { hideWarnings: true });
  const { name, targetEnvironment, vars, ...production } = configOf("");
  const { name: its, targetEnvironment: target, vars: itsVars, routes, ...staging } = configOf("staging");
  expect([name, targetEnvironment, its, target]).toEqual(["warmpath", "", "warmpath-staging", "staging"]);
  expect(staging).toEqual({ ...production, routes: undefined });
  expect(routes).toEqual([]);
  expect(Object.keys(itsVars)).toEqual(Object.keys(vars));
});
