// Floods of made-up app names leave nothing behind: no object is started, so no file appears or grows.
import { readdirSync, statSync } from "node:fs";
import path from "node:path";
import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import { expect, test } from "vitest";
import { validBeat } from "../support/conformance.ts";
import { TestReplica } from "../support/replica.ts";
import { TestRouter, type Reply } from "../support/router.ts";

const REQUESTS = 3000;
const AT_ONCE = 32;

/** The files of the objects with their sizes. */
function filesOf(router: TestRouter): Record<string, number> {
  const folder = path.join(router.stateFolder, "objects");
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).map(
    (name) => [name, statSync(path.join(folder, name))] as const,
  );
  return Object.fromEntries(files.filter(([, stat]) => stat.isFile()).map(([name, stat]) => [name, stat.size]));
}

/** Names of all allowed characters and lengths, different in each call. */
function nameMaker(seed: number): () => string {
  const random = xoroshiro128plus(seed);
  const pick = (text: string) => text.charAt(uniformInt(random, 0, text.length - 1));
  const letters = "abcdefghijklmnopqrstuvwxyz0123456789";
  let made = 0;
  return () => {
    const more = Array.from({ length: uniformInt(random, 0, 100) }, () => pick(`${letters}ABC.-_`)).join("");
    return `${pick(letters)}${more}x${made++}`;
  };
}

async function flood(call: (n: number) => Promise<Reply>, count = REQUESTS): Promise<Map<number, number>> {
  const statuses = new Map<number, number>();
  let next = 0;
  const worker = async () => {
    while (next < count) {
      const { status } = await call(next++);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return statuses;
}

interface Form {
  readonly from: string;
  readonly app: string;
  readonly request: (name: string) => { readonly target: string; readonly host: string };
}

const FORMS: readonly Form[] = [
  { from: "path:1", app: "kept", request: (name) => ({ target: `/${name}/x`, host: "router.example.com" }) },
  {
    from: "path:2",
    app: "owner/kept",
    request: (name) => ({ target: `/${name.includes("/") ? name : `owner/${name}`}/x`, host: "router.example.com" }),
  },
  { from: "host", app: "kept", request: (name) => ({ target: "/x", host: `${name}.example.com` }) },
];

test.each(FORMS)("requests, with APP_FROM=$from", async ({ from, app, request }) => {
  await using replica = await TestReplica.start();
  await using router = await TestRouter.start({ APP_FROM: from });
  const send = (name: string) => {
    const { target, host } = request(name);
    return router.send(target, { headers: { host } });
  };
  await router.join({ app, replica: "r1", origin: replica.origin });
  expect((await send(app)).status).toBe(200);
  expect((await send("not-yet-heard-of")).status).toBe(404);
  const before = filesOf(router);
  const name = nameMaker(20_261);
  expect(await flood(() => send(name()))).toEqual(new Map([[404, REQUESTS]]));
  expect(filesOf(router)).toEqual(before);
  expect((await send(app)).status).toBe(200);
  expect(replica.received).toHaveLength(2);
});

test("heartbeats that are refused, and the administrator's questions", async () => {
  await using router = await TestRouter.start({
    HEARTBEAT_TOKENS: '{"kept": "beat-token"}',
    ALLOW_PRIVATE_ORIGINS: "false",
    ORIGIN_ALLOW: "gpu.example.com",
  });
  await router.join(validBeat("kept", { origin: "https://gpu.example.com" }));
  expect((await router.admin("/-/apps/not-yet-heard-of")).status).toBe(404);
  const before = filesOf(router);
  const name = nameMaker(20_262);
  const found = await flood((n) => {
    const beat = validBeat(name(), { replica: name() });
    if (n % 4 === 0) return router.beat(beat, { authorization: `Bearer ${name()}` });
    if (n % 4 === 1) return router.beat(beat);
    if (n % 4 === 2) return router.beat({ ...beat, app: "kept", origin: `https://${n}.evil.test` });
    return router.admin(`/-/apps/${name()}${n % 8 === 3 ? "" : "/explain?hint=h"}`);
  });
  expect(found).toEqual(new Map([401, 403, 422, 404].map((status) => [status, REQUESTS / 4])));
  expect(filesOf(router)).toEqual(before);
  expect((await router.view("kept")).replicas).toHaveLength(1);
});
