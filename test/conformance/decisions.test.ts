// Contract, "Client traffic" and decisions 4 to 6: which replica gets a request, as far as the wire shows that.
import { describe, expect, test } from "vitest";
import { freshApp, sharedRouter } from "../support/conformance.ts";
import { holdAnswers } from "../support/held.ts";
import { TestReplica } from "../support/replica.ts";
import type { Reply } from "../support/router.ts";
import { until } from "../support/until.ts";

const router = sharedRouter();

function ask(app: string, hints = "", path = "x"): Promise<Reply> {
  return router().send(`/${app}/${path}`, { headers: hints === "" ? {} : { "x-fal-runner-hint": hints } });
}

const servedBy = async (app: string, hints = "") => (await ask(app, hints)).headers["x-fal-served-from"];

/** A fleet whose replicas answer at once, but for requests to /hold. */
async function fleet(replicas: Readonly<Record<string, Record<string, unknown>>>) {
  const app = freshApp("fleet");
  const held = holdAnswers();
  const server = await TestReplica.start((request, response) => {
    if (request.url === "/hold") void held.answer(request, response);
    else response.end();
  });
  for (const [replica, says] of Object.entries(replicas)) {
    await router().join({ app, replica, origin: server.origin, concurrency: 8, ...says });
  }
  return { app, held, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

/** Takes a slot of the only replica that holds the hint. */
async function occupy(app: string, hint: string, held: { readonly holding: number }): Promise<Promise<Reply>[]> {
  const before = held.holding;
  const reply = ask(app, hint, "hold");
  await until("the slot is taken", () => held.holding === before + 1);
  return [reply];
}

describe("several hints", () => {
  test("DEC-1 are an order of preference: the first with a free warm replica wins", async () => {
    await using its = await fleet({ a: { hints: ["one"], concurrency: 1 }, b: { hints: ["two"] }, c: { hints: [] } });
    expect(await servedBy(its.app, "one, two")).toBe("a");
    expect(await servedBy(its.app, "two, one")).toBe("b");
    expect(await servedBy(its.app, "nobody, two, one")).toBe("b");
    const busy = await occupy(its.app, "one", its.held);
    expect(await servedBy(its.app, "one, two")).toBe("b");
    its.held.releaseAll();
    await Promise.all(busy);
  });

  test("DEC-2 with none warm, the first is hashed and is what a cold replica loads", async () => {
    await using its = await fleet({ a: {}, b: {}, c: {}, d: {} });
    for (const first of ["p", "q", "r", "s", "t", "u"]) {
      const owner = await servedBy(its.app, first);
      expect(await servedBy(its.app, `${first}, other-1, other-2`)).toBe(owner);
    }
    const cold = ask(its.app, "first, second", "hold");
    await until("the request runs", () => its.held.holding === 1);
    const loading = (await router().view(its.app)).replicas.flatMap((replica) => replica.loading);
    expect(loading).toEqual(["first"]);
    its.held.releaseAll();
    await cold;
  });
});

describe("no hint", () => {
  test("DEC-3 goes to the least loaded for its concurrency", async () => {
    await using its = await fleet({ big: { hints: ["big"], concurrency: 4 }, small: { hints: ["small"], concurrency: 2 } });
    const busy = [...(await occupy(its.app, "big", its.held)), ...(await occupy(its.app, "small", its.held))];
    expect(await servedBy(its.app)).toBe("big");
    busy.push(...(await occupy(its.app, "big", its.held)), ...(await occupy(its.app, "big", its.held)));
    expect(await servedBy(its.app)).toBe("small");
    its.held.releaseAll();
    await Promise.all(busy);
  });

  test("DEC-4 among equals goes to the one with fewest requests so far", async () => {
    await using its = await fleet({ a: { hints: ["a"] }, b: { hints: ["b"] }, c: { hints: ["c"] } });
    for (const hint of ["a", "a", "b"]) await ask(its.app, hint);
    const served = [];
    for (let round = 0; round < 6; round++) served.push(await servedBy(its.app));
    expect(served.slice(0, 1)).toEqual(["c"]);
    expect((await router().view(its.app)).replicas.map(({ served }) => served)).toEqual([3, 3, 3]);
  });
});

describe("a cold hint", () => {
  test("DEC-5 goes to the same replica every time, and hints spread over all", async () => {
    await using its = await fleet({ a: {}, b: {}, c: {} });
    const owners = new Map<string, unknown>();
    for (let n = 0; n < 30; n++) owners.set(`hint-${n}`, await servedBy(its.app, `hint-${n}`));
    for (const [hint, owner] of owners) expect(await servedBy(its.app, hint)).toBe(owner);
    expect(new Set(owners.values()).size).toBe(3);
  });

  test("DEC-6 a replica that leaves moves only its own hints, and gets back those that nobody holds", async () => {
    const says = { concurrency: 64 };
    await using its = await fleet({ a: says, b: says, c: says });
    const hints = Array.from({ length: 30 }, (_, n) => `hint-${n}`);
    const ownersNow = async () => Promise.all(hints.map((hint) => servedBy(its.app, hint)));
    const before = await ownersNow();
    await router().admin(`/-/apps/${its.app}/replicas/b/drain`, "POST");
    const without = await ownersNow();
    for (const [place, owner] of before.entries()) if (owner !== "b") expect(without[place]).toBe(owner);
    expect(without).not.toContain("b");
    await router().admin(`/-/apps/${its.app}/replicas/b/undrain`, "POST");
    for (const [place, owner] of (await ownersNow()).entries()) if (before[place] !== "b") expect(owner).toBe(before[place]);
    // A new process has loaded nothing.
    for (const { replica, origin } of (await router().view(its.app)).replicas) {
      await router().join({ app: its.app, replica, origin, ...says, incarnation: 1 });
    }
    expect(await ownersNow()).toEqual(before);
  });

  test("DEC-15 a successful answer makes its replica warm for the hint, until a later list denies it", async () => {
    await using its = await fleet({ a: { hints: [] }, b: { hints: [] }, c: { hints: [] } });
    const owner = await servedBy(its.app, "loaded");
    for (let again = 0; again < 3; again++) {
      const { headers } = await ask(its.app, "loaded");
      expect(headers).toMatchObject({ "x-warmpath-reason": "hint_match", "x-fal-served-from": owner });
    }
    const { replicas } = await router().view(its.app);
    const origin = replicas.find(({ replica }) => replica === owner)?.origin ?? "";
    await router().join({ app: its.app, replica: String(owner), origin, concurrency: 8, hints: [] });
    const { headers } = await ask(its.app, "loaded");
    expect(headers).toMatchObject({ "x-warmpath-reason": "hash_owner", "x-fal-served-from": owner });
  });

  test("DEC-7 a burst of 20 on an idle fleet loads once", async () => {
    await using its = await fleet({
      a: { hints: [], concurrency: 32 },
      b: { hints: [], concurrency: 32 },
      c: { hints: [], concurrency: 32 },
      d: { hints: [], concurrency: 32 },
    });
    const burst = Array.from({ length: 20 }, () => ask(its.app, "fresh", "hold"));
    await until("all of them run", () => its.held.holding === 20);
    const view = await router().view(its.app);
    expect(view.counters.cold).toBe(1);
    expect(view.replicas.filter((replica) => replica.loading.includes("fresh"))).toHaveLength(1);
    its.held.releaseAll();
    const replies = await Promise.all(burst);
    expect(new Set(replies.map((reply) => reply.headers["x-fal-served-from"])).size).toBe(1);
    const reasons = replies.map((reply) => String(reply.headers["x-warmpath-reason"])).sort();
    expect(reasons).toEqual(["hash_owner", ...Array.from({ length: 19 }, () => "hint_match")]);
  });

  test("DEC-8 no report denies a load in progress; when it has answered, the next report decides", async () => {
    await using its = await fleet({ a: { hints: [] }, b: { hints: [] }, c: { hints: [] } });
    const first = ask(its.app, "loaded", "hold");
    await until("the load runs", () => its.held.holding === 1);
    const { replicas } = await router().view(its.app);
    const loader = replicas.find((replica) => replica.loading.includes("loaded"));
    expect(loader).toBeDefined();
    for (const { replica, origin } of replicas) await router().join({ app: its.app, replica, origin, concurrency: 8, hints: [] });
    const during = await ask(its.app, "loaded");
    expect(during.headers).toMatchObject({ "x-warmpath-reason": "hint_match", "x-fal-served-from": loader?.replica });
    its.held.releaseAll();
    await first;
    await until("the load is over", async () =>
      (await router().view(its.app)).replicas.every(({ loading }) => loading.length === 0),
    );
    for (const { replica, origin } of replicas) await router().join({ app: its.app, replica, origin, concurrency: 8, hints: [] });
    expect((await ask(its.app, "loaded")).headers["x-warmpath-reason"]).toBe("hash_owner");
  });
});

describe("the three advertised states", () => {
  const cold = Array.from({ length: 12 }, (_, n) => `cold-${n}`);

  test("DEC-9 an empty list is more welcome for a cold hint than a full one", async () => {
    await using its = await fleet({ full: { hints: ["x"], hint_slots: 1 }, empty: { hints: [] } });
    for (const hint of cold) expect(await servedBy(its.app, hint)).toBe("empty");
  });

  test("DEC-10 a replica with a free hint slot comes before one that must evict, and before one that does not say", async () => {
    await using its = await fleet({
      full: { hints: ["x", "y"], hint_slots: 2 },
      unknown: { hints: ["x"] },
      vacant: { hints: ["x", "y"], hint_slots: 2 + cold.length },
    });
    for (const hint of cold) expect(await servedBy(its.app, hint)).toBe("vacant");
  });

  test("DEC-11 if the owner must evict and another has a free hint slot, the reason is hash_spill", async () => {
    await using its = await fleet({ full: { hints: ["x"], hint_slots: 1 }, empty: { hints: [], hint_slots: 1 } });
    const reasons = new Set<unknown>();
    for (const hint of cold) reasons.add((await ask(its.app, hint)).headers["x-warmpath-reason"]);
    expect(reasons).toEqual(new Set(["hash_owner", "hash_spill"]));
  });

  test("DEC-12 replicas that do not specialise take every hint, by hash", async () => {
    await using its = await fleet({ a: {}, b: { hints: null } });
    const { replicas } = await router().view(its.app);
    expect(replicas.map((replica) => replica.hints)).toEqual([null, null]);
    expect((await ask(its.app, "any")).headers["x-warmpath-reason"]).toBe("hash_owner");
  });
});

test("DEC-13 if the warm replica is full, the request goes to another or waits for the warm one, and the reason says which", async () => {
  await using its = await fleet({ warm: { hints: ["h"], concurrency: 1 }, free: { hints: [], concurrency: 1 } });
  const busy = await occupy(its.app, "h", its.held);
  const reply = ask(its.app, "h");
  let done = false;
  void reply.then(() => (done = true));
  await until("it is served or waits", async () => done || (await router().view(its.app)).waiting === 1);
  its.held.releaseAll();
  await Promise.all(busy);
  expect((await reply).headers["x-warmpath-reason"]).toMatch(/^(hash_owner|hash_spill|hint_wait)$/);
});

test("DEC-14 no replica ever has more requests than its concurrency", async () => {
  const held = holdAnswers();
  await using one = await TestReplica.start(held.answer);
  await using two = await TestReplica.start(held.answer);
  const app = freshApp("bounded");
  await router().join({ app, replica: "one", origin: one.origin, concurrency: 1, hints: ["h"] });
  await router().join({ app, replica: "two", origin: two.origin, concurrency: 3 });
  const all = Array.from({ length: 12 }, (_, n) => ask(app, n % 2 === 0 ? "h" : ""));
  await until(
    "every slot is taken and the rest wait",
    async () => held.holding === 4 && (await router().view(app)).waiting === 8,
  );
  for (let n = 0; n < 12; n++) {
    await until("a request runs", () => held.holding > 0);
    held.releaseOne();
  }
  expect((await Promise.all(all)).every((reply) => reply.status === 200)).toBe(true);
  expect([one.most, two.most]).toEqual([1, 3]);
});
