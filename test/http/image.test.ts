// The container image, without a container: what the Dockerfile's last stage copies is laid into a folder, and its command, variables and health check run
// there. So the image lacks nothing that `scripts/serve.ts` imports, and writes to its state alone.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { afterAll, expect, test } from "vitest";
import { PROJECT } from "../../scripts/bundle.ts";

const textOf = (name: string) => readFileSync(path.join(PROJECT, name), "utf8");
/** Instructions, with their continued lines, of all stages; and of the last one. */
const instructions = textOf("Dockerfile")
  .replaceAll(/^#.*\n/gm, "")
  .replaceAll("\\\n", " ")
  .split("\n");
const lastStage = instructions.slice(instructions.findLastIndex((line) => line.startsWith("FROM ")));
const only = (start: RegExp) =>
  lastStage
    .find((line) => start.test(line))
    ?.replace(start, "")
    .trim() ?? "";

const root = mkdtempSync(path.join(tmpdir(), "warmpath-test-image-"));
const [app, state] = [path.join(root, "app"), path.join(root, "state")];
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** As COPY would: a file or a folder to a name, or several into a folder. workerd is large, and is linked. */
function lay(sources: readonly string[], target: string): void {
  for (const source of sources) {
    const to = path.join(app, target, target.endsWith("/") ? path.basename(source) : "");
    mkdirSync(path.dirname(to), { recursive: true });
    if (source.endsWith("/workerd")) symlinkSync(path.join(PROJECT, source), to);
    else cpSync(path.join(PROJECT, source), to, { recursive: true, preserveTimestamps: true });
  }
}

const files = () => globSync("**/*", { cwd: app }).map((name) => `${name} ${statSync(path.join(app, name)).mtimeMs}`);

test("it serves, is healthy, writes to its state alone, and ends on SIGTERM", { timeout: 60_000 }, async () => {
  for (const line of lastStage) {
    const [, operands = ""] = /^COPY (?:--from=build )?(.*)$/.exec(line) ?? [];
    if (operands === "") continue;
    const names = operands.split(/\s+/).map((name) => name.replace("/app/", ""));
    lay(names.slice(0, -1), names.at(-1) ?? "");
  }
  const before = files();
  const [command = "", ...args] = JSON.parse(only(/^CMD /)) as string[];
  const variables = Object.fromEntries(
    only(/^ENV /)
      .split(/\s+/)
      .map((pair) => pair.split("=")),
  );
  expect([command, variables]).toEqual(["node", { NODE_ENV: "production", HOST: "0.0.0.0", PORT: "8787", STATE_DIR: "/state" }]);
  const router = spawn(process.execPath, args, {
    cwd: app,
    env: {
      PATH: "/usr/bin:/bin",
      HEARTBEAT_TOKENS: "t",
      ADMIN_TOKEN: "a",
      ORIGIN_ALLOW: "*.example.com",
      ...variables,
      HOST: "127.0.0.1",
      PORT: "0",
      STATE_DIR: state,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stderr = "";
  router.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const ended = once(router, "close");
  const ready = await Promise.race([once(createInterface({ input: router.stdout }), "line"), ended]);
  expect(stderr).toBe("");
  const [, PORT = ""] = /^ready http:\/\/127\.0\.0\.1:(\d+)$/.exec(String(ready[0])) ?? [];
  const check = JSON.parse(only(/^HEALTHCHECK .* CMD /)) as string[];
  const health = () => spawnSync(process.execPath, check.slice(1), { env: { PORT }, encoding: "utf8" });
  expect(health()).toMatchObject({ status: 0, stderr: "" });
  router.kill("SIGTERM");
  expect(await ended).toEqual([0, null]);
  expect(health().status).toBe(1);
  expect(files()).toEqual(before);
  expect(globSync("*", { cwd: state })).toContain("objects");
});

test("its Node.js is the project's, its user a number, and the build sees nothing but what is copied", () => {
  const { packages } = JSON.parse(textOf("package-lock.json")) as { packages: Record<string, { version: string }> };
  const version = packages["node_modules/node"]?.version;
  const bases = instructions.filter((line) => line.startsWith("FROM "));
  for (const base of bases) expect(base).toContain(`node:${version}-`);
  expect(only(/^USER /)).toMatch(/^[1-9]\d*:[1-9]\d*$/);
  const copied = instructions.flatMap((line) => (/^COPY (?!--from)(.*) \S+$/.exec(line)?.[1] ?? "").split(" ").filter(Boolean));
  const admitted = textOf(".dockerignore")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));
  expect(admitted).toEqual(["*", ...new Set(copied)].map((name) => (name === "*" ? name : `!${name}`)));
});
