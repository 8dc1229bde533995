// Builds what the dashboard's pages load, src/dashboard/browser, and writes it as a module that the Worker's bundle holds. `wrangler deploy` and
// `wrangler dev` run this first ([build] in wrangler.toml), and so does `npm run types`, because nothing compiles without that module.
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { build } from "esbuild";

const DASHBOARD = path.join(path.dirname(import.meta.dirname), "src", "dashboard");
const ENTRIES = [path.join(DASHBOARD, "browser", "main.ts"), path.join(DASHBOARD, "browser", "style.css")];
const MODULE = path.join(DASHBOARD, "assets.generated.ts");

const { outputFiles } = await build({
  entryPoints: ENTRIES,
  outdir: DASHBOARD,
  write: false,
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2022",
  logLevel: "error",
});
const assets = outputFiles.map((file) => {
  const extension = path.extname(file.path).slice(1);
  const hash = createHash("sha256").update(file.contents).digest("hex").slice(0, 12);
  return [extension, { name: `${path.basename(file.path, `.${extension}`)}-${hash}.${extension}`, text: file.text }] as const;
});
const text = `// Written by scripts/browser.ts.
export const ASSETS = ${JSON.stringify(Object.fromEntries(assets), null, 2)} as const;
`;
// An untouched file keeps its time, so that what is made of it need not be made again.
if (!existsSync(MODULE) || readFileSync(MODULE, "utf8") !== text) writeFileSync(MODULE, text);
