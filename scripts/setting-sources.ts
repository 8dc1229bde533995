// Where the settings of a router on this machine come from. The first source that has a setting gives it.
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { parseEnv } from "node:util";
import { parse } from "smol-toml";
import { PROJECT } from "./bundle.ts";

export const SOURCES = ["env", "dev-vars", "vars"] as const;
export type SourceName = (typeof SOURCES)[number];
/** As a Workers variable can be. */
export type Values = Readonly<Record<string, string | number | boolean | undefined>>;

export const WRANGLER_TOML = path.join(PROJECT, "wrangler.toml");

/** `vars`: `[vars]` of a wrangler.toml; `dev-vars`: the project's .dev.vars, which may be missing. Throws if a file can't be read. */
export function valuesOf(source: SourceName, wranglerToml: string = WRANGLER_TOML): Values {
  switch (source) {
    case "env":
      return process.env;
    case "dev-vars": {
      const file = path.join(PROJECT, ".dev.vars");
      return existsSync(file) ? parseEnv(readFileSync(file, "utf8")) : {};
    }
    case "vars":
      return (parse(readFileSync(wranglerToml, "utf8")) as { vars?: Values }).vars ?? {};
  }
}
