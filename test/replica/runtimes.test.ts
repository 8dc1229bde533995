// The client in processes of their own, on each runtime that is installed: it joins, serves, drains on SIGTERM and says that it ends. Bun and Deno are
// found by the variables BUN and DENO, or in PATH; npm's packages `bun` and `deno` carry them.
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { PROJECT } from "../../scripts/bundle.ts";
import { TestRouter, TOKEN } from "../support/router.ts";
import { until } from "../support/until.ts";

const KEY = "a-signing-key";
const PEER = path.join(PROJECT, "test", "replica", "peer.ts");
const BUN = process.env["BUN"] ?? "bun";
const DENO = process.env["DENO"] ?? "deno";

/** If REQUIRE_RUNTIMES is set, as in CI, all must be there. */
function isThere(program: string): boolean {
  const found = spawnSync(program, ["--version"]).error === undefined;
  if (!found && process.env["REQUIRE_RUNTIMES"] === "1") throw new Error(`REQUIRE_RUNTIMES is set, and ${program} is missing`);
  return found;
}

const runtimes = [
  { name: "Node", program: process.execPath, args: [], handler: "node" },
  { name: "Bun", program: BUN, args: ["run"], handler: "bun" },
  { name: "Bun with node:http", program: BUN, args: ["run"], handler: "node" },
  { name: "Deno", program: DENO, args: ["run", "--quiet", "--no-check", "--allow-all", "--sloppy-imports"], handler: "deno" },
  { name: "Deno with node:http", program: DENO, args: ["run", "--quiet", "--no-check", "--allow-all"], handler: "node" },
].map((its) => ({ ...its, isMissing: !isThere(its.program) }));
const missing = new Set(runtimes.filter((its) => its.isMissing).map(({ program }) => program));
if (missing.size > 0) console.warn(`skipped, because they are not installed: ${[...missing].join(", ")}`);

let router: TestRouter;
let folder: string;
let child: ChildProcess | null = null;

beforeAll(async () => {
  router = await TestRouter.start({ HEARTBEAT_INTERVAL_MS: "60000", ORIGIN_SIGNING_KEY: KEY });
  folder = mkdtempSync(path.join(tmpdir(), "warmpath-test-runtimes-"));
});
afterAll(async () => {
  await router[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});
afterEach(() => {
  child?.kill("SIGKILL");
  child = null;
});

for (const { name, program, args, handler, isMissing } of runtimes) {
  for (const transport of ["post", "websocket"]) {
    test.skipIf(isMissing)(`${name}, ${transport}: joins, serves, drains, ends`, async () => {
      const app = `${name}-${transport}`.replaceAll(/[: ]/g, "-").toLowerCase();
      const isSlow = path.join(folder, app);
      const variables = { ROUTER: router.url, TOKEN, APP: app, TRANSPORT: transport, HANDLER: handler, SLOW_UNTIL: isSlow, KEY };
      const its = spawn(program, [...args, PEER], {
        env: { PATH: process.env["PATH"], HOME: folder, DENO_DIR: path.join(folder, "deno"), ...variables },
        stdio: ["ignore", "pipe", "pipe"],
      });
      child = its;
      let said = "";
      for (const stream of [its.stdout, its.stderr]) stream.setEncoding("utf8").on("data", (text: string) => (said += text));
      await until("it has joined", () => /joined http/.test(said) || its.exitCode !== null, 20_000);
      expect(said).toMatch(/^joined http/);
      const view = async () => (await router.view(app)).replicas?.[0];
      expect(await view()).toMatchObject({ replica: "peer", status: "ready", hints: [], concurrency: 2 });

      const loaded = await router.send(`/${app}/load`, { headers: { "x-fal-runner-hint": "loaded" } });
      expect([loaded.text, loaded.headers["x-fal-runner-hints"]]).toEqual(["served /load", "loaded"]);
      const origin = /http\S+/.exec(said)?.[0] ?? "";
      expect((await fetch(origin)).status).toBe(401);

      const slow = router.send(`/${app}/slow`);
      await until("the request is on its way", async () => (await view())?.in_flight === 1);
      const ended = once(its, "exit");
      its.kill("SIGTERM");
      await until("it drains", async () => (await view())?.status === "draining");
      expect(its.exitCode).toBeNull();
      writeFileSync(isSlow, "");
      expect((await slow).text).toBe("served /slow");
      expect((await ended)[0]).toBe(0);
      expect(await view()).toBeUndefined();
    });
  }
}

test("a process that has nothing else to do lives until the router has heard that it stops, while a change waits for its turn too", async () => {
  const url = (file: string) => JSON.stringify(new URL(`../../replica/node/${file}`, import.meta.url).href);
  const options = { app: "nothing-else", replica: "r", router: router.url, token: TOKEN, origin: "http://127.0.0.1:1" };
  const program = `
    import { joinFleet } from ${url("index.ts")};
    const member = joinFleet(${JSON.stringify(options)});
    await member.joined;
    member.changed();
    await new Promise((resolve) => setImmediate(resolve));
    console.log(await member.stop());`;
  const its = spawn(process.execPath, ["--input-type=module", "--eval", program], { stdio: ["ignore", "pipe", "inherit"] });
  child = its;
  let said = "";
  its.stdout.setEncoding("utf8").on("data", (text: string) => (said += text));
  await once(its, "close");
  expect([its.exitCode, said]).toEqual([0, "true\n"]);
});
