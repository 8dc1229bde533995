// Contract, "In-band": what a replica says of its hints in `X-Fal-Runner-Hints` on any proxied response.
import { expect, test } from "vitest";
import { freshApp, sharedRouter } from "../support/conformance.ts";
import { TestReplica } from "../support/replica.ts";
import { until } from "../support/until.ts";

const router = sharedRouter();

/** A replica that sends the header that the test last set, and the hints that the router then lists. */
async function speaking(says: Record<string, unknown> = {}) {
  const tells = { status: 200, header: null as string | readonly string[] | null };
  const server = await TestReplica.start((_request, response) => {
    if (tells.header !== null) response.setHeader("X-Fal-Runner-Hints", tells.header);
    response.writeHead(tells.status).end();
  });
  const app = freshApp("band");
  await router().join({ app, replica: "r1", origin: server.origin, concurrency: 8, ...says });
  const hints = async () => (await router().view(app)).replicas[0]?.hints;
  const tell = async (header: string | readonly string[] | null, status = 200) => {
    Object.assign(tells, { header, status });
    return router().send(`/${app}/x`);
  };
  const believes = async (what: readonly string[] | null) => {
    const wanted = JSON.stringify(what);
    let last: unknown;
    await until(`${wanted} is believed`, async () => JSON.stringify((last = await hints())) === wanted, 3000).catch(() => {
      expect(last).toEqual(what);
    });
  };
  return { app, server, tell, hints, believes, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

test("BAND-1 a response teaches what the replica holds, and the header reaches the client", async () => {
  await using its = await speaking();
  const reply = await its.tell("sdxl,flux");
  expect(reply.headers["x-fal-runner-hints"]).toBe("sdxl,flux");
  await its.believes(["sdxl", "flux"]);
  const hinted = await router().send(`/${its.app}/x`, { headers: { "x-fal-runner-hint": "flux" } });
  expect(hinted.headers["x-warmpath-reason"]).toBe("hint_match");
});

test.each([201, 204, 304, 307, 404, 422, 429, 500])("BAND-2 so does a response with status %i", async (status) => {
  await using its = await speaking();
  await its.tell(`after-${status}`, status);
  await its.believes([`after-${status}`]);
});

test("BAND-3 split at commas, trimmed; empties and duplicates do not count", async () => {
  await using its = await speaking();
  await its.tell(" a ,, b,a , ,c");
  await its.believes(["a", "b", "c"]);
});

test("BAND-3 several header lines are one list", async () => {
  await using its = await speaking();
  await its.tell(["a,b", "c"]);
  await its.believes(["a", "b", "c"]);
});

test("BAND-4 bad elements are skipped, the rest is kept", async () => {
  await using its = await speaking();
  await its.tell(`good,caf\u00e9,${"l".repeat(513)},${"m".repeat(512)},tab\there,last`);
  await its.believes(["good", "m".repeat(512), "last"]);
});

test("BAND-5 the first 256 are kept", async () => {
  await using its = await speaking();
  const many = Array.from({ length: 300 }, (_, n) => `h${n}`);
  await its.tell(many.join(","));
  await its.believes(many.slice(0, 256));
});

test("BAND-6 present but empty: it specialises and holds nothing", async () => {
  await using its = await speaking({ hints: ["old"] });
  expect((await its.tell("")).status).toBe(200);
  await its.believes([]);
  await its.tell(" , ,");
  await its.believes([]);
});

test("BAND-6 a header with nothing but bad elements does not say that the replica holds anything", async () => {
  await using its = await speaking({ hints: ["old"] });
  await its.tell("\u00e9");
  await its.believes([]);
});

test("BAND-7 absent: no news", async () => {
  await using its = await speaking({ hints: ["kept"] });
  await its.tell(null);
  await its.tell("learned");
  await its.believes(["learned"]);
  await its.tell(null);
  await its.tell(null, 500);
  expect(await its.hints()).toEqual(["learned"]);
});

test("BAND-8 the last to arrive wins, heartbeat or response", async () => {
  await using its = await speaking({ hints: ["one"] });
  await its.tell("two");
  await its.believes(["two"]);
  await router().join({ app: its.app, replica: "r1", origin: its.server.origin, concurrency: 8, hints: ["three"] });
  expect(await its.hints()).toEqual(["three"]);
  await its.tell("four");
  await its.believes(["four"]);
});

test("BAND-9 an unmodified fal app, whose heartbeat names no hints, is found warm by what its responses say", async () => {
  await using its = await speaking();
  await using other = await TestReplica.start();
  await its.tell("sdxl");
  await its.believes(["sdxl"]);
  await router().join({ app: its.app, replica: "r2", origin: other.origin, concurrency: 8 });
  for (let n = 0; n < 4; n++) {
    const reply = await router().send(`/${its.app}/x`, { headers: { "x-fal-runner-hint": "sdxl" } });
    expect(reply.headers).toMatchObject({ "x-fal-served-from": "r1", "x-warmpath-reason": "hint_match" });
  }
});

test("BAND-10 a heartbeat that says nothing of hints leaves what came in band, one with a list replaces it", async () => {
  await using its = await speaking();
  const beat = (hints?: readonly string[]) =>
    router().join({ app: its.app, replica: "r1", origin: its.server.origin, concurrency: 8, ...(hints && { hints }) });
  await its.tell("sdxl");
  await its.believes(["sdxl"]);
  await beat();
  expect(await its.hints()).toEqual(["sdxl"]);
  await beat(["flux"]);
  expect(await its.hints()).toEqual(["flux"]);
  await beat();
  expect(await its.hints()).toBeNull();
});
