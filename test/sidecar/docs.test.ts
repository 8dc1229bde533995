// docs/sidecar.md and the command know the same options, variables and servers, and replica/node/README.md the same options and members.
import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { joinFleet } from "../../replica/node/index.ts";
import { PROJECT } from "../../scripts/bundle.ts";
import { ADAPTERS } from "../../sidecar/adapters/index.ts";
import { sidecarCommand } from "../../sidecar/command.ts";

const docOf = (...names: string[]) => readFileSync(path.join(PROJECT, ...names), "utf8");
/** What stands in backquotes in the first column of tables. */
const firstCells = (doc: string) =>
  doc
    .split("\n")
    .flatMap((line) => [...(/^\|([^|]*)\|/.exec(line)?.[1] ?? "").matchAll(/`([^`]+)`/g)].map(([, its = ""]) => its));

const doc = docOf("docs", "sidecar.md");
const { options } = sidecarCommand("0");

test("every option is in the table, and every option of the table is there", () => {
  const table = firstCells(doc.slice(doc.indexOf("## Options")));
  const known = options.map(({ long }) => long).filter((long) => long !== "--version");
  expect(new Set(table)).toEqual(new Set(known));
});

test("so are the variables", () => {
  const named = new Set(doc.match(/WARMPATH_\w+/g));
  expect(named).toEqual(new Set(options.map(({ envVar }) => envVar).filter((name) => name !== undefined)));
});

test("every server has a row", () => {
  const rows = firstCells(doc.slice(doc.indexOf("## Servers"), doc.indexOf("### Run")));
  expect(rows).toEqual(["[server]", ...Object.keys(ADAPTERS), "--hints-url", "--hints-command"]);
});

test("the client's README has every option and member", async () => {
  const readme = docOf("replica", "node", "README.md");
  const listed = firstCells(readme.slice(readme.indexOf("## Options"))).map((its) => its.replace(/\(.*/, ""));
  const source = docOf("replica", "node", "options.ts");
  const optionNames = [...(/interface FleetOptions [\s\S]*?\n}/.exec(source)?.[0] ?? "").matchAll(/readonly (\w+)\??:/g)];
  const member = joinFleet({
    app: "a",
    replica: "r",
    router: "http://127.0.0.1:1",
    token: "t",
    origin: "http://127.0.0.1:2",
    log: () => {},
  });
  await member.stop();
  const members = Object.getOwnPropertyNames(Object.getPrototypeOf(member)).filter((name) => name !== "constructor");
  expect(optionNames.length).toBeGreaterThan(10);
  expect(new Set(listed)).toEqual(new Set([...optionNames.map(([, name]) => name), ...members]));
});
