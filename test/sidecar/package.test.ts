// What `npm pack` makes is what users install: in another project `warmpath/replica` can be imported, with its types, and `warmpath-sidecar` runs.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { PROJECT } from "../../scripts/bundle.ts";

const folder = mkdtempSync(path.join(tmpdir(), "warmpath-test-package-"));
const installed = path.join(folder, "node_modules", "warmpath");
const variables = { ...process.env, PATH: `${path.join(PROJECT, "node_modules", ".bin")}:${process.env["PATH"]}` };

beforeAll(() => {
  execFileSync("npm", ["pack", "--pack-destination", folder], { cwd: PROJECT, env: variables, stdio: "pipe" });
  const packed = readdirSync(folder).find((file) => file.endsWith(".tgz")) ?? "";
  mkdirSync(installed, { recursive: true });
  execFileSync("tar", ["-xzf", path.join(folder, packed), "-C", installed, "--strip-components=1"]);
  // Its dependencies, as npm would install them.
  for (const name of ["commander", "@commander-js", "valibot"]) {
    symlinkSync(path.join(PROJECT, "node_modules", name), path.join(folder, "node_modules", name));
  }
  // That of the checkout, for the types of node:http.
  symlinkSync(path.join(PROJECT, "node_modules", "@types"), path.join(folder, "node_modules", "@types"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("JavaScript imports warmpath/replica", () => {
  const file = path.join(folder, "replica.mjs");
  writeFileSync(
    file,
    `import { joinFleet, FleetOptionError } from "warmpath/replica";
try { joinFleet({ app: "" }); } catch (error) { console.log(error instanceof FleetOptionError, error.option); }`,
  );
  expect(execFileSync(process.execPath, [file], { encoding: "utf8" })).toBe("true app\n");
});

test("TypeScript sees its types", () => {
  const good = `import { joinFleet, type FleetMember } from "warmpath/replica";
export const member: FleetMember = joinFleet({ app: "a", replica: "r", router: "u", token: "t", origin: "o", hints: () => ["x"] });
export const status: "starting" | "ready" | "draining" | "stopped" = member.status;`;
  const options = { strict: true, noEmit: true, module: "nodenext", target: "es2022", lib: ["es2024"], types: ["node"] };
  writeFileSync(path.join(folder, "package.json"), '{"type":"module"}');
  writeFileSync(path.join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions: options, files: ["good.ts"] }));
  writeFileSync(path.join(folder, "good.ts"), good);
  const tsc = () =>
    spawnSync(path.join(PROJECT, "node_modules", ".bin", "tsc"), ["-p", folder], { encoding: "utf8", env: variables });
  expect(tsc().stdout).toBe("");
  writeFileSync(path.join(folder, "good.ts"), good.replace("hints:", "hint:"));
  expect(tsc().stdout).toContain("'hint' does not exist in type 'FleetOptions'");
});

test("the sidecar runs on the machine's Node", () => {
  const program = path.join(installed, "sidecar", "warmpath-sidecar");
  expect(execFileSync(program, ["--version"], { encoding: "utf8", env: variables })).toMatch(/^\d+\.\d+\.\d+\n$/);
  const { status, stderr } = spawnSync(program, ["ollama", "--app", "a b", "--print"], { encoding: "utf8", env: variables });
  expect([status, stderr]).toEqual([2, expect.stringContaining("--app")]);
});

test("the operator's command line is not in the package, and says so", () => {
  const { status, stderr } = spawnSync(path.join(installed, "cli", "warmpath"), { encoding: "utf8" });
  expect([status, stderr]).toEqual([1, expect.stringContaining("checkout")]);
});

test("in a checkout the command runs the sources", () => {
  const program = path.join(PROJECT, "sidecar", "warmpath-sidecar");
  expect(execFileSync(program, ["--version"], { encoding: "utf8" })).toMatch(/^\d+\.\d+\.\d+\n$/);
});
