// Completions know every command and option, as the shells themselves see them.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { warmpath } from "../support/warmpath.ts";

const SHELLS = ["bash", "zsh", "fish"] as const;
const has = (shell: string) => spawnSync(shell, ["--version"]).status === 0;

let folder = "";
const files = new Map<string, string>();

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), "warmpath-test-completions-"));
  for (const shell of SHELLS) {
    const { status, stdout, stderr } = await warmpath(["completions", shell]);
    expect([status, stderr]).toEqual([0, ""]);
    const file = path.join(folder, shell);
    writeFileSync(file, stdout);
    files.set(shell, stdout);
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What bash offers for the last word. */
function offered(...words: string[]): string[] {
  const program = 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _warmpath; printf "%s\\n" "${COMPREPLY[@]}"';
  const args = ["-c", program, "bash", path.join(folder, "bash"), "warmpath", ...words];
  const { status, stdout, stderr } = spawnSync("bash", args, { encoding: "utf8" });
  expect([status, stderr]).toEqual([0, ""]);
  return stdout.split("\n").filter((line) => line !== "");
}

test.skipIf(!has("bash"))("bash offers commands, then the options and values of the command", () => {
  expect(offered("")).toEqual(expect.arrayContaining(["apps", "check-config", "doctor", "completions", "--help"]));
  expect(offered("un")).toEqual(["undrain"]);
  expect(offered("replicas", "--w")).toEqual(["--watch"]);
  expect(offered("apps", "--w")).toEqual([]);
  expect(offered("remove", "a", "r", "--y")).toEqual(["--yes"]);
  expect(offered("completions", "")).toEqual(expect.arrayContaining([...SHELLS]));
});

test.each(SHELLS)("%s takes the script as it is", (shell) => {
  if (!has(shell)) return;
  const { status, stderr } = spawnSync(shell, ["-n", path.join(folder, shell)], { encoding: "utf8" });
  expect([status, stderr]).toEqual([0, ""]);
});

test("every command and option that the help names is in every script", async () => {
  const { stdout } = await warmpath(["--help"]);
  const commands = [...stdout.slice(stdout.indexOf("Commands:")).matchAll(/^ {2}([a-z-]+) /gm)].map(([, name = ""]) => name);
  expect(commands.length).toBeGreaterThan(10);
  for (const command of commands.filter((name) => !["help", "simulate", "cost"].includes(name))) {
    const help = (await warmpath([command, "--help"])).stdout;
    const options = [...help.matchAll(/^ {2}(?:-\w, )?--([\w-]+)/gm)].map(([, name = ""]) => name);
    expect(options, command).toContain("help");
    for (const option of options) {
      expect(files.get("bash"), command).toMatch(new RegExp(`^ +${command}\\) words='[^']*--${option}[ ']`, "m"));
      expect(files.get("zsh"), command).toMatch(new RegExp(`^ +${command}\\) choices=.*'--${option}:`, "m"));
      expect(files.get("fish"), command).toMatch(new RegExp(`'__fish_seen_subcommand_from ${command}' -l ${option} `, "m"));
    }
  }
});
