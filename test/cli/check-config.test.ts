// Settings before a deploy: every bad one and every misspelt name is told, and no value that may be a secret.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { SECRET_NAMES } from "../../src/settings/settings.ts";
import { rowsIn, warmpath } from "../support/warmpath.ts";

interface Checked {
  readonly ok: boolean;
  readonly settings: readonly { readonly name: string; readonly from: string; readonly value: string | null }[];
  readonly wrong: readonly { readonly setting: string; readonly from: string; readonly detail: string }[];
  readonly notes: readonly string[];
}

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), "warmpath-test-config-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function fileOf(toml: string): string {
  const file = path.join(folder, "wrangler.toml");
  writeFileSync(file, toml);
  return file;
}

async function checked(args: readonly string[], variables: Record<string, string> = {}) {
  const { status, stdout, stderr } = await warmpath(["check-config", ...args, "--json"], variables);
  expect(stderr).toBe("");
  return { status, ...(JSON.parse(stdout) as Checked) };
}

test("good settings: 0, with where each comes from", async () => {
  const file = fileOf('[vars]\nORIGIN_ALLOW = "*.gpu.example.com"\nMAX_ATTEMPTS = 2\nOTHER = { a = 1 }\n');
  const variables = { MAX_ATTEMPTS: "4", ADMIN_TOKEN: "s3cret-admin", HEARTBEAT_TOKENS: "s3cret-beat" };
  const args = ["--file", file, "--from", "vars,env", "--set", "APP_FROM=host"];
  const { status, stdout, stderr } = await warmpath(["check-config", ...args], variables);
  expect([status, stderr]).toEqual([0, ""]);
  expect(rowsIn(stdout)).toEqual([
    ["setting", "from", "value"],
    ["HEARTBEAT_TOKENS", "env", "(secret)"],
    ["ADMIN_TOKEN", "env", "(secret)"],
    ["ORIGIN_ALLOW", "vars", "*.gpu.example.com"],
    ["APP_FROM", "--set", "host"],
    ["MAX_ATTEMPTS", "env", "4"],
  ]);
  expect(stdout).toMatch(/^ok {5}/m);
  expect(await checked(args, variables)).toMatchObject({ status: 0, ok: true, wrong: [], notes: [] });
});

test("every bad value is named, not only the first, and none is shown", async () => {
  const file = fileOf('[vars]\nMAX_ATTEMPTS = 0\nSCHEDULING = "v1sible"\n');
  const bad = [
    "QUEUE_TIMEOUT_MS=v1sible",
    "ADMIN_TOKEN=v1sible token",
    'HEARTBEAT_TOKENS={"v1sible"',
    "ORIGIN_ALLOW=v1sible/path",
  ];
  const args = ["--file", file, "--from", "vars", ...bad.flatMap((text) => ["--set", text])];
  const { status, ok, wrong, settings } = await checked(args);
  expect([status, ok]).toEqual([1, false]);
  const names = ["ADMIN_TOKEN", "HEARTBEAT_TOKENS", "MAX_ATTEMPTS", "ORIGIN_ALLOW", "QUEUE_TIMEOUT_MS", "SCHEDULING"];
  expect(wrong.map(({ setting }) => setting).sort()).toEqual(names);
  expect(settings.map(({ value }) => value)).toEqual(names.map(() => null));
  const { status: again, stdout, stderr } = await warmpath(["check-config", ...args]);
  expect(again).toBe(1);
  for (const name of names) expect(stdout).toMatch(new RegExp(`^wrong  ${name} `, "m"));
  expect(`${stdout}${stderr}${JSON.stringify(wrong)}`).not.toContain("v1sible");
});

test("misspelt names are wrong wherever they stand, with the name that is near", async () => {
  const file = fileOf('[vars]\nORIGIN_ALOW = "*.example.com"\n');
  const from = ["--file", file, "--from", "vars,env", "--set", "QUEUE_TIMEOUT=1", "--set", "NOSUCH=1"];
  const { status, wrong } = await checked(from, { ADMIN_TOKENS: "s3cret" });
  expect(status).toBe(1);
  expect(wrong).toEqual([
    { setting: "QUEUE_TIMEOUT", from: "--set", detail: "QUEUE_TIMEOUT is not a setting: did you mean QUEUE_TIMEOUT_MS?" },
    { setting: "NOSUCH", from: "--set", detail: "NOSUCH is not a setting" },
    { setting: "ADMIN_TOKENS", from: "env", detail: "ADMIN_TOKENS is not a setting: did you mean ADMIN_TOKEN?" },
    { setting: "ORIGIN_ALOW", from: "vars", detail: "ORIGIN_ALOW is not a setting: did you mean ORIGIN_ALLOW?" },
  ]);
});

test("a secret under [vars] is wrong, and its value stays there", async () => {
  const file = fileOf('[vars]\nADMIN_TOKEN = "v1sible"\n');
  const { status, wrong, settings } = await checked(["--file", file, "--from", "vars"]);
  expect([status, wrong.map(({ setting }) => setting)]).toEqual([1, ["ADMIN_TOKEN"]]);
  expect(settings).toEqual([{ name: "ADMIN_TOKEN", from: "vars", value: null, secret: true }]);
});

test("no secret's value is shown", async () => {
  const { settings } = await checked(SECRET_NAMES.flatMap((name) => ["--set", `${name}=v1sible`]));
  expect(settings).toEqual(SECRET_NAMES.map((name) => ({ name, from: "--set", value: null, secret: true })));
});

test("an empty setting is none", async () => {
  const file = fileOf('[vars]\nORIGIN_ALLOW = ""\n');
  expect((await checked(["--file", file, "--from", "vars"])).settings).toEqual([]);
});

test("what is refused for want of a setting is a note and fails nothing", async () => {
  const { status, ok, notes } = await checked(["--file", fileOf(""), "--from", "vars"]);
  expect([status, ok]).toEqual([0, true]);
  expect(notes.map((note) => note.split(" ")[0])).toEqual(["HEARTBEAT_TOKENS", "ADMIN_TOKEN", "ORIGIN_ALLOW"]);
});

test("sources that are not named do not count", async () => {
  const file = fileOf("[vars]\nMAX_ATTEMPTS = 0\n");
  expect((await checked(["--file", file, "--from", "env"])).status).toBe(0);
  expect((await checked(["--file", file, "--from", "vars"], { SCHEDULING: "bad" })).wrong.map((its) => its.setting)).toEqual([
    "MAX_ATTEMPTS",
  ]);
});

test("the project's own wrangler.toml is good", async () => {
  expect(await checked(["--from", "vars"])).toMatchObject({ status: 0, wrong: [] });
});

test.each([
  ["--file", () => ["--file", path.join(folder, "nosuch.toml")]],
  ["--file", () => ["--file", fileOf('[vars]\nADMIN_TOKEN = "v1sible')]],
  ["--from", () => ["--from", "vars,nosuch"]],
  ["--set", () => ["--set", "v1sible"]],
])("bad usage of %s: 2, one line", async (option, args) => {
  const { status, stdout, stderr } = await warmpath(["check-config", ...args()]);
  expect([status, stdout]).toEqual([2, ""]);
  expect(stderr).toMatch(/^error: .*\n$/);
  expect(stderr).toContain(option);
  expect(stderr).not.toContain("v1sible");
});
