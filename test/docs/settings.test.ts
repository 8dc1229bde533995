// docs/settings.md has a row for every setting and for no other, with its default; settings that docs/openai.md shows are good.
import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { PROJECT } from "../../scripts/bundle.ts";
import { parseSettings, SETTING_NAMES } from "../../src/settings/settings.ts";

const doc = (name: string) => readFileSync(path.join(PROJECT, "docs", name), "utf8");

test("docs/settings.md has every setting", () => {
  const [table = ""] = doc("settings.md").split("\n## ", 1);
  const rows = [...table.matchAll(/^\| `([A-Z_]+)`/gm)].map(([, name]) => name ?? "");
  expect(rows.toSorted()).toEqual([...SETTING_NAMES].toSorted());
});

test("docs/openai.md shows good settings", () => {
  const assignments = [...doc("openai.md").matchAll(/(?:^|\s)([A-Z_]{4,})=(\S.*?)(?=$| [A-Z_]+=| npm )/gm)].map(
    ([, name, value]) => [name, value],
  );
  const shown = Object.fromEntries(assignments.filter(([name = ""]) => (SETTING_NAMES as readonly string[]).includes(name)));
  expect(Object.keys(shown).toSorted()).toEqual([
    "ALLOW_PRIVATE_ORIGINS",
    "HEARTBEAT_TOKENS",
    "HINT_FROM_JSON",
    "MODELS_ENDPOINT",
    "NO_SLOT",
  ]);
  expect(parseSettings(shown)).toMatchObject({ ok: true });
  for (const name of doc("openai.md").match(/\b(HINT|NO|MODELS|QUEUE|RETRY|APP)_[A-Z_]+\b/g) ?? [])
    expect(SETTING_NAMES).toContain(name);
});
