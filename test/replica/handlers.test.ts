// The handlers of a replica behind the real router: requests are counted until their last byte, answers say what is held, and what did not come through
// the router is refused.
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import type { ReadableStream as NodeStream } from "node:stream/web";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  fetchHandler,
  joinFleet,
  nodeHandler,
  type FleetMember,
  type FleetOptions,
  type NodeHandler,
} from "../../replica/node/index.ts";
import { TestRouter, TOKEN } from "../support/router.ts";
import { until } from "../support/until.ts";
import { rawRequest } from "../support/wire.ts";

const KEY = "a-signing-key";
let router: TestRouter;
const servers: Server[] = [];
const members: FleetMember[] = [];

beforeAll(async () => {
  router = await TestRouter.start({ ORIGIN_SIGNING_KEY: KEY });
});
afterAll(() => router[Symbol.asyncDispose]());
afterEach(async () => {
  for (const member of members.splice(0)) await member.stop();
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** What the replica does with a path, for both kinds of handler. `gate` holds an answer up. */
interface World {
  readonly hints: string[];
  gate: Promise<void>;
  /** Requests that counted as served when the handler had ended its answer. */
  servedAfterEnd: number | null;
}

type Make = (member: FleetMember, world: World) => NodeHandler;

const onNode: Make = (member, world) =>
  nodeHandler(member, async (request, response) => {
    const { pathname } = new URL(request.url ?? "", "http://replica");
    if (pathname === "/load") world.hints.push("loaded");
    if (pathname === "/array") response.writeHead(200, ["x-own", "yes"]);
    if (pathname === "/object") response.writeHead(201, "made", { "x-own": "yes" });
    if (pathname === "/implicit") response.setHeader("x-own", "yes");
    response.write("first ");
    await world.gate;
    if (pathname === "/breaks") response.destroy();
    else response.end("last");
    world.servedAfterEnd = member.inFlight;
  });

/** A fetch-style handler on a real server, as an adapter for node:http does it. */
const onFetch: Make = (member, world) => {
  const handler = fetchHandler(member, async (request) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/load") world.hints.push("loaded");
    if (pathname === "/throws") throw new Error("thrown by the handler");
    if (pathname === "/empty") return new Response(null, { status: 204 });
    if (pathname === "/redirect") return Response.redirect("http://replica.test/elsewhere");
    const encoder = new TextEncoder();
    const body = new ReadableStream({
      async start(controller) {
        controller.enqueue(encoder.encode("first "));
        await world.gate;
        if (pathname === "/breaks") return controller.error(new Error("broken"));
        controller.enqueue(encoder.encode("last"));
        controller.close();
      },
    });
    return new Response(body, { status: pathname === "/object" ? 201 : 200, headers: { "x-own": "yes" } });
  });
  return async (request, response) => {
    try {
      const { method = "GET", headers, url = "" } = request;
      const answer = await handler(
        new Request(`http://${headers.host}${url}`, { method, headers: headers as Record<string, string> }),
      );
      response.writeHead(answer.status, Object.fromEntries(answer.headers));
      if (answer.body === null) return response.end();
      const body = Readable.fromWeb(answer.body as NodeStream);
      response.once("close", () => body.destroy());
      return body.on("error", () => response.destroy()).pipe(response);
    } catch {
      return response.writeHead(500).end();
    }
  };
};

async function replica(app: string, make: Make, options: Partial<FleetOptions> = {}) {
  const world: World = { hints: ["base"], gate: Promise.resolve(), servedAfterEnd: null };
  let serve: NodeHandler = (_: IncomingMessage, response: ServerResponse) => response.end();
  const server = createServer((request, response) => void serve(request, response)).listen(0, "127.0.0.1");
  servers.push(server);
  await once(server, "listening");
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const common = { app, replica: "r", router: router.url, token: TOKEN, origin, hints: () => world.hints, concurrency: 4 };
  const member = joinFleet({ ...common, ...options });
  members.push(member);
  serve = make(member, world);
  await member.joined;
  return { member, world, origin };
}

const fleet = async (app: string) => (await router.view(app)).replicas[0];

describe.each([
  ["node:http", onNode, ["/array", "/object", "/implicit"]],
  ["fetch", onFetch, ["/object", "/implicit"]],
] as const)("%s", (name, make, paths) => {
  const app = (its: string) => `${its}-${name.replace(":", "-")}`;

  test.each(paths)("the answer keeps its own and says what is held: %s", async (target) => {
    await replica(app("answers"), make);
    const reply = await router.send(`/${app("answers")}${target}`);
    expect(reply.status).toBe(target === "/object" ? 201 : 200);
    expect(reply.headers["x-own"]).toBe("yes");
    expect(reply.headers["x-fal-runner-hints"]).toBe("base");
    expect(reply.text).toBe("first last");
  });

  test("what a request loads is known with its answer", async () => {
    const { world } = await replica(app("loads"), make);
    expect((await router.send(`/${app("loads")}/load`)).headers["x-fal-runner-hints"]).toBe("base,loaded");
    await until("the router knows", async () => (await fleet(app("loads")))?.hints?.includes("loaded") === true);
    expect(world.hints).toEqual(["base", "loaded"]);
  });

  test("a replica that does not specialise says nothing", async () => {
    await replica(app("plain"), make, { hints: undefined });
    expect((await router.send(`/${app("plain")}/`)).headers["x-fal-runner-hints"]).toBeUndefined();
  });

  test("requests count from their beginning to their last byte", async () => {
    const { member, world } = await replica(app("counts"), make);
    let open = () => {};
    world.gate = new Promise((resolve) => (open = resolve));
    const replies = [1, 2].map(() => router.send(`/${app("counts")}/`));
    await until("both are being served", () => member.inFlight === 2);
    member.changed();
    const drained = member.drain();
    await until("the router hears of the drain", async () => (await fleet(app("counts")))?.status === "draining");
    open();
    expect(await drained).toBe(true);
    expect((await Promise.all(replies)).map(({ text }) => text)).toEqual(["first last", "first last"]);
    expect(member.inFlight).toBe(0);
  });

  test("a client that goes, and an answer that breaks off, count no longer", async () => {
    const { member, world } = await replica(app("gone"), make);
    let open = () => {};
    world.gate = new Promise((resolve) => (open = resolve));
    const client = await rawRequest(router.port, `/${app("gone")}/`);
    const broken = router.send(`/${app("gone")}/breaks`);
    broken.catch(() => {});
    await until("both are being served", () => member.inFlight === 2);
    client.resetAndDestroy();
    await until("one is over", () => member.inFlight === 1);
    open();
    await expect(broken).rejects.toThrow();
    await until("none is left", () => member.inFlight === 0);
  });

  test("with a key, requests through the router are served and others are refused", async () => {
    const { origin, member } = await replica(app("signed"), make, { signingKey: ["an-old-key", KEY] });
    for (const target of ["/", "/a%20b?x=1&y=%C3%A9", "//a//b%2Fc", "/run?"]) {
      expect((await router.send(`/${app("signed")}${target}`)).text).toBe("first last");
    }
    const direct = await fetch(origin);
    expect(direct.status).toBe(401);
    expect(await direct.json()).toMatchObject({ detail: expect.stringContaining("x-warmpath-signature") as string });
    expect(member.inFlight).toBe(0);
  });
});

test("fetch: an empty answer, a redirect and an error that the handler throws are over at once", async () => {
  const { member } = await replica("short", onFetch);
  expect((await router.send("/short/empty")).status).toBe(204);
  const redirect = await router.send("/short/redirect");
  expect([redirect.status, redirect.headers["location"]]).toEqual([302, "http://replica.test/elsewhere"]);
  expect(redirect.headers["x-fal-runner-hints"]).toBe("base");
  expect((await router.send("/short/throws", { headers: { "x-fal-no-retry": "1" } })).status).toBe(500);
  expect(member.inFlight).toBe(0);
});

test("node:http: the slot is free before the answer's last byte has left", async () => {
  const { world } = await replica("before-end", onNode);
  await router.send("/before-end/");
  expect(world.servedAfterEnd).toBe(0);
});

test("fetch: an answer that nobody reads is over when it is cancelled", async () => {
  const { member } = await replica("unread", onFetch);
  const handler = fetchHandler(member, () => new Response("body"));
  const response = await handler(new Request("http://replica.test/"));
  expect(member.inFlight).toBe(1);
  await response.body?.cancel();
  expect(member.inFlight).toBe(0);
});

test("a request that is over twice counts once", async () => {
  const { member } = await replica("twice", onNode);
  const [over, other] = [member.begin(), member.begin()];
  over();
  over();
  expect(member.inFlight).toBe(1);
  other();
  expect(member.inFlight).toBe(0);
});
