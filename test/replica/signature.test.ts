// The test vectors of docs/protocol.md.
import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { isFromRouter } from "../../replica/node/index.ts";
import { PROJECT } from "../../scripts/bundle.ts";

const AT = 1_764_000_000;
const cell = String.raw`\s*\|\s*\x60([^\x60]+)\x60`;
const row = new RegExp(`^${cell.repeat(5)}`, "gm");
const vectors = [...readFileSync(path.join(PROJECT, "docs", "protocol.md"), "utf8").matchAll(row)]
  .map(([, key = "", method = "", target = "", replica = "", hex = ""]) => ({ key, method, target, replica, hex }))
  .filter(({ hex }) => /^[0-9a-f]{64}$/.test(hex));

test("there are vectors", () => expect(vectors.length).toBeGreaterThanOrEqual(8));

test.each(vectors)("$method $target to $replica", async ({ key, method, target, replica, hex }) => {
  const signed = { method, target, replica, header: `t=${AT},v1=${hex}` };
  const ask = (changed: object, keys: string | readonly string[] = key, now = AT) =>
    isFromRouter(keys, { ...signed, ...changed }, now);
  expect(await ask({})).toBe(true);
  expect(await ask({}, key, AT + 300)).toBe(true);
  expect(await ask({}, ["another", key])).toBe(true);
  expect(await ask({}, key, AT + 301)).toBe(false);
  expect(await ask({}, key, AT - 301)).toBe(false);
  expect(await ask({}, "another")).toBe(false);
  expect(await ask({ method: "PUT" })).toBe(false);
  expect(await ask({ target: `${target}x` })).toBe(false);
  expect(await ask({ replica: "gpu-9" })).toBe(false);
  expect(await ask({ header: `t=${AT + 1},v1=${hex}` })).toBe(false);
  for (const header of [null, undefined, "", `t=${AT},v1=`, `t=${AT},v1=${hex}0`, `t=,v1=${hex}`])
    expect(await ask({ header })).toBe(false);
});
