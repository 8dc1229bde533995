// Bad usage of the examples' programs: status 2, and one line that names what is wrong.
import { spawnSync } from "node:child_process";
import path from "node:path";
import { expect, test } from "vitest";
import { PROJECT } from "../../scripts/bundle.ts";

const ANY_MODEL = "examples/any-model/replica.ts";
const TOKEN = { HEARTBEAT_TOKEN: "secret" };

test.each<[program: string, args: readonly string[], variables: Readonly<Record<string, string>>, named: string]>([
  [ANY_MODEL, [], {}, "HEARTBEAT_TOKEN"],
  [ANY_MODEL, ["--port", "65536"], TOKEN, "--port"],
  [ANY_MODEL, ["--router", "nowhere"], TOKEN, "--router"],
  [ANY_MODEL, ["--port", "0", "--origin", "ftp://x"], TOKEN, "origin"],
  [ANY_MODEL, ["--nonesuch"], TOKEN, "--nonesuch"],
])("%s %j", (program, args, variables, named) => {
  const env = { PATH: process.env["PATH"], ...variables };
  const { status, stdout, stderr } = spawnSync(process.execPath, [path.join(PROJECT, program), ...args], {
    env,
    encoding: "utf8",
  });
  expect([status, stdout]).toEqual([2, ""]);
  expect(stderr).toMatch(/^error: .*\n$/);
  expect(stderr).toContain(named);
});
