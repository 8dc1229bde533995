// What docs/cli.md shows is what the commands print, in its order, against a real router.
import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { PROJECT } from "../../scripts/bundle.ts";
import { sharedRouter } from "../support/conformance.ts";
import { TestReplica } from "../support/replica.ts";
import { warmpath } from "../support/warmpath.ts";

const shared = sharedRouter({ HEARTBEAT_TOKENS: "secret", ADMIN_TOKEN: "admin" });

/** What no two runs print alike: times, versions, and how a system says that a name is unknown. */
function steady(text: string): string {
  return text
    .replace(/\d{4}-\d\d-\d\dT[\d:]+Z/g, "TIME")
    .replace(/in [\d.]+ m?s$/gm, "in SOME TIME")
    .replace(/^(ok {5}(?:package|node|wrangler|workerd):).*$/gm, "$1 VERSION")
    .replace(/(can't be reached: getaddrinfo) .*$/gm, "$1 UNKNOWN");
}

test("each command of docs/cli.md prints what is shown there", { timeout: 60_000 }, async () => {
  await using replica = await TestReplica.start();
  const ports = [
    ["8787", String(shared().port)],
    ["9000", String(replica.port)],
  ] as const;
  const put = (text: string) =>
    ports.reduce((its, [shown, real]) => its.replaceAll(`127.0.0.1:${shown}`, `127.0.0.1:${real}`), text);
  const back = (text: string) =>
    ports.reduce((its, [shown, real]) => its.replaceAll(`127.0.0.1:${real}`, `127.0.0.1:${shown}`), text);
  const variables = {
    WARMPATH_ROUTER: shared().url,
    WARMPATH_ADMIN_TOKEN: "admin",
    WARMPATH_HEARTBEAT_TOKEN: "secret",
  };
  const doc = readFileSync(path.join(PROJECT, "docs", "cli.md"), "utf8");
  const shown = [...doc.matchAll(/^\$ npx warmpath (.+)\n\n((?:(?!\$ |```).*\n)*)/gm)];
  expect(shown.length).toBeGreaterThan(10);
  for (const [, args = "", output = ""] of shown) {
    const { stdout, stderr } = await warmpath(put(args).split(" "), variables);
    expect(steady(back(`${stdout}${stderr}`)).trimEnd(), args).toBe(steady(output).trimEnd());
  }
});
