// `npm run serve`: the built Worker on plain workerd, for self-hosting and benchmarks. PORT (8787), HOST (127.0.0.1), state in
// STATE_DIR (.warmpath/), settings from the environment, else .dev.vars, else [vars] of wrangler.toml.
import path from "node:path";
import { misspeltSettings } from "../src/settings/misspelt.ts";
import { missingSettings, REFUSED_WITHOUT } from "../src/settings/refused.ts";
import { parseSettings, SETTING_NAMES } from "../src/settings/settings.ts";
import { bundle, PROJECT } from "./bundle.ts";
import { interrupted } from "./interrupted.ts";
import { lockFolder } from "./lock.ts";
import { startRouter } from "./router-process.ts";
import { SOURCES, valuesOf } from "./setting-sources.ts";
import { helpAlone } from "./usage.ts";

const USAGE = `Usage: npm run serve

Runs the built Worker on workerd until it is interrupted, and prints one line when it is ready.

  PORT   port to listen on (8787); HOST   address to listen on (127.0.0.1)
  Settings (docs/settings.md) come from the environment, else from .dev.vars, else from [vars] in wrangler.toml.
  State is kept in the folder STATE_DIR (.warmpath), for one process at a time. LOG=requests prints a line a request.`;

helpAlone(USAGE);
const port = Number(process.env["PORT"] ?? 8787);
if (!Number.isInteger(port) || port < 0 || port > 65_535) fail(`PORT must be a port, not ${process.env["PORT"]}`);
const settings = readSettings();
for (const { warning } of misspeltSettings(Object.keys(settings))) console.error(`warmpath: ${warning}`);
const parsed = parseSettings(settings);
if (!parsed.ok) fail(`${parsed.setting} ${parsed.detail}`);
const stateFolder = path.resolve(PROJECT, process.env["STATE_DIR"] || ".warmpath");

try {
  const holder = lockFolder(stateFolder);
  if (holder !== null) fail(`process ${holder} runs on ${stateFolder} already`);
  bundle();
  const router = await startRouter({
    port,
    host: process.env["HOST"] ?? "127.0.0.1",
    stateFolder,
    settings,
    log: (line) => console.error(line),
  });
  for (const name of missingSettings(parsed.settings)) console.error(`warmpath: ${REFUSED_WITHOUT[name]}`);
  console.log(`ready ${router.url}`);
  const end = await Promise.race([interrupted(), router.ended.then(() => null)]);
  if (end === null) fail("workerd ended");
  await router.stop();
  process.exit(0);
} catch (error) {
  fail(error instanceof Error ? error.message : String(error));
}

/** With the names that look misspelt, so that the router warns of them too; their values stay here. */
function readSettings(): Record<string, string> {
  const sources = SOURCES.map((source) => valuesOf(source));
  const settings: Record<string, string> = {};
  for (const name of SETTING_NAMES) {
    const value = sources.map((source) => source[name]).find((each) => each !== undefined);
    if (value !== undefined) settings[name] = String(value);
  }
  for (const { name } of misspeltSettings(new Set(sources.flatMap((source) => Object.keys(source))))) settings[name] = "";
  return settings;
}

function fail(message: string): never {
  console.error(`warmpath: ${message}`);
  process.exit(1);
}
