// The optional Rate Limiting bindings, on miniflare, which has them like Cloudflare. Plain workerd has none.
import { readFileSync } from "node:fs";
import path from "node:path";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { parse } from "smol-toml";
import { describe, expect, test } from "vitest";
import { BUNDLE, PROJECT } from "../../scripts/bundle.ts";
import { TestReplica } from "../support/replica.ts";
import { until } from "../support/until.ts";

type Limits = Record<
  string,
  { readonly namespace_id: string; readonly simple: { readonly limit: number; readonly period: 10 | 60 } }
>;

const LIMIT = 3;
const limits = (...names: string[]): Limits =>
  Object.fromEntries(
    names.map((name, place) => [name, { namespace_id: String(place + 1), simple: { limit: LIMIT, period: 60 } }]),
  );

interface Answer {
  readonly status: number;
  readonly type: string | null;
  readonly retryAfter: string | null;
  readonly text: string;
}

/** A router with these limits. `client` is the address that Cloudflare names; null: Cloudflare names none. */
class LimitedRouter implements AsyncDisposable {
  readonly log: string[] = [];
  readonly #miniflare: Miniflare;
  /** The address that a client gives itself if Cloudflare names none: another one each time. */
  #sent = 0;

  constructor(ratelimits: Limits, bindings: Record<string, string> = {}) {
    this.#miniflare = new Miniflare(
      convertV4MiniflareOptions({
        modules: [{ type: "ESModule", path: "index.js", contents: readFileSync(BUNDLE, "utf8") }],
        compatibilityDate: "2026-11-02",
        durableObjects: {
          FLEET: { className: "Fleet", useSQLite: true },
          DIRECTORY: { className: "Directory", useSQLite: true },
        },
        ratelimits,
        handleStructuredLogs: ({ message }) => this.log.push(message),
        bindings: {
          HEARTBEAT_TOKENS: '{"a": "token-a", "b": "token-b"}',
          ALLOW_PRIVATE_ORIGINS: "true",
          HEARTBEAT_INTERVAL_MS: "60000",
          ...bindings,
        },
      }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#miniflare.dispose();
  }

  async send(
    target: string,
    client: string | null,
    init: { method?: string; headers?: Record<string, string>; body?: string } = {},
  ) {
    const headers = { ...init.headers, "cf-connecting-ip": client ?? `203.0.113.${++this.#sent}` };
    // Undefined removes the `colo` that miniflare would set.
    const cf = { colo: client === null ? undefined : "FRA" } as { colo: string };
    const reply = await this.#miniflare.dispatchFetch(`http://router${target}`, {
      ...init,
      headers,
      cf,
    });
    const answer: Answer = {
      status: reply.status,
      type: reply.headers.get("x-fal-error-type"),
      retryAfter: reply.headers.get("retry-after"),
      text: await reply.text(),
    };
    return answer;
  }

  beat(token: string, beat: object, client: string | null = "203.0.113.1"): Promise<Answer> {
    const headers = { authorization: `Bearer ${token}` };
    return this.send("/-/heartbeat", client, { method: "POST", headers, body: JSON.stringify(beat) });
  }
}

const beatOf = (app: string, replica: string) => ({ app, replica, origin: "http://127.0.0.1:9" });
/** The statuses of as many calls as the limit allows, and of one further call. */
async function statuses(call: () => Promise<Answer>, count = LIMIT + 1): Promise<number[]> {
  const all: number[] = [];
  for (let n = 0; n < count; n++) all.push((await call()).status);
  return all;
}
/** Waits for a window of the limit that lasts long enough: windows are aligned to the clock. */
async function freshWindow(): Promise<void> {
  const left = 60_000 - (Date.now() % 60_000);
  if (left < 5000) await new Promise((resolve) => setTimeout(resolve, left));
}

function expectLimited(answer: Answer): void {
  expect(answer).toMatchObject({ status: 429, type: "rate_limited", retryAfter: "10" });
  expect(JSON.parse(answer.text)).toMatchObject({ title: "Too many requests", status: 429, error_type: "rate_limited" });
}

describe("HEARTBEAT_LIMIT", () => {
  test("a replica that beats too fast is refused, alone", { timeout: 60_000 }, async () => {
    await freshWindow();
    await using router = new LimitedRouter(limits("HEARTBEAT_LIMIT"));
    expect(await statuses(() => router.beat("token-a", beatOf("a", "r1")))).toEqual([200, 200, 200, 429]);
    expectLimited(await router.beat("token-a", beatOf("a", "r1"), "203.0.113.2"));
    expect((await router.beat("token-a", beatOf("a", "r2"))).status).toBe(200);
    expect((await router.beat("token-b", beatOf("b", "r1"))).status).toBe(200);
  });

  test("what is refused before costs no call of the object and is not counted", { timeout: 60_000 }, async () => {
    await freshWindow();
    await using router = new LimitedRouter(limits("HEARTBEAT_LIMIT"));
    for (let n = 0; n <= LIMIT; n++) {
      expect((await router.beat("token-a", { ...beatOf("a", "r1"), concurrency: 0 })).status).toBe(422);
      expect((await router.beat("token-b", beatOf("a", "r1"))).status).toBe(403);
      expect((await router.beat("token-a", { ...beatOf("a", "r1"), origin: "http://public.example.com" })).status).toBe(422);
    }
    expect((await router.beat("token-a", beatOf("a", "r1"))).status).toBe(200);
  });

  test("without a valid token it counts by client, and comes in place of the 401", { timeout: 60_000 }, async () => {
    await freshWindow();
    await using router = new LimitedRouter(limits("HEARTBEAT_LIMIT"));
    const guess = (client: string | null) => router.beat("guessed", beatOf("a", "r1"), client);
    expect(await statuses(() => guess("203.0.113.1"))).toEqual([401, 401, 401, 429]);
    expectLimited(await guess("203.0.113.1"));
    expect((await guess("203.0.113.2")).status).toBe(401);
    expect((await router.beat("token-a", beatOf("a", "r1"), "203.0.113.1")).status).toBe(200);
  });

  test("an IPv6 client counts by its /64", { timeout: 60_000 }, async () => {
    await freshWindow();
    await using router = new LimitedRouter(limits("HEARTBEAT_LIMIT"));
    const same = ["2001:db8:1:2::1", "2001:db8:1:2:ffff::", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"];
    const found: number[] = [];
    for (const client of same) found.push((await router.beat("guessed", {}, client)).status);
    expect(found).toEqual([401, 401, 401, 429]);
    for (const client of ["2001:db8:1:3::1", "2001:db8:1::2", "::1", "2001:db8::2:0:0:1"]) {
      expect((await router.beat("guessed", {}, client)).status, client).toBe(401);
    }
  });
});

describe("UNKNOWN_APP_LIMIT", () => {
  test("made-up names are refused by client, whatever the names; apps in use are not", { timeout: 60_000 }, async () => {
    await freshWindow();
    await using replica = await TestReplica.start();
    await using router = new LimitedRouter(limits("UNKNOWN_APP_LIMIT"));
    await router.beat("token-a", { ...beatOf("a", "r1"), origin: replica.origin });
    let names = 0;
    const scan = (client: string | null) => router.send(`/made-up-${++names}/x`, client);
    expect(await statuses(() => scan("203.0.113.1"))).toEqual([404, 404, 404, 429]);
    expectLimited(await scan("203.0.113.1"));
    expect((await scan("203.0.113.2")).status).toBe(404);
    for (let n = 0; n <= LIMIT; n++) expect((await router.send("/a/x", "203.0.113.1")).status).toBe(200);
  });

  test("if Cloudflare names no client, all clients count as one, whatever they say themselves", { timeout: 60_000 }, async () => {
    await freshWindow();
    await using router = new LimitedRouter(limits("UNKNOWN_APP_LIMIT"));
    let n = 0;
    const scan = () =>
      router.send("/made-up/x", null, { headers: { "x-forwarded-for": `203.0.113.${++n}`, "x-real-ip": `10.0.0.${n}` } });
    expect(await statuses(scan)).toEqual([404, 404, 404, 429]);
  });
});

test("a limit that fails refuses nobody and says so once a request", async () => {
  await using router = new LimitedRouter({}, { HEARTBEAT_LIMIT: "not a binding", UNKNOWN_APP_LIMIT: "not a binding" });
  expect((await router.beat("token-a", beatOf("a", "r1"))).status).toBe(200);
  expect((await router.beat("guessed", beatOf("a", "r1"))).status).toBe(401);
  expect((await router.send("/made-up/x", "203.0.113.1")).status).toBe(404);
  const faults = () => router.log.filter((line) => line.includes("a rate limit"));
  await until("they are logged", () => faults().length >= 3);
  expect(faults().map((line) => JSON.parse(line) as object)).toMatchObject([
    { message: "a rate limit could not be asked", name: "HEARTBEAT_LIMIT" },
    { message: "a rate limit could not be asked", name: "HEARTBEAT_LIMIT" },
    { message: "a rate limit could not be asked", name: "UNKNOWN_APP_LIMIT" },
  ]);
});

test("the example in wrangler.toml works once it is no comment", { timeout: 60_000 }, async () => {
  const text = readFileSync(path.join(PROJECT, "wrangler.toml"), "utf8");
  expect(parse(text)).not.toHaveProperty("ratelimits");
  const example = text.slice(text.indexOf("# [[ratelimits]]")).replaceAll(/^# /gm, "");
  const { ratelimits } = parse(example) as unknown as {
    ratelimits: { name: string; namespace_id: string; simple: Limits[string]["simple"] }[];
  };
  expect(ratelimits.map(({ name }) => name)).toEqual(["HEARTBEAT_LIMIT", "UNKNOWN_APP_LIMIT"]);
  await freshWindow();
  await using router = new LimitedRouter(Object.fromEntries(ratelimits.map(({ name, ...rest }) => [name, rest])));
  for (const [place, { simple }] of ratelimits.entries()) {
    const call = () => (place === 0 ? router.beat("guessed", {}) : router.send("/made-up/x", "203.0.113.1"));
    const found = await statuses(call, simple.limit + 1);
    expect([found.indexOf(429), found.length]).toEqual([simple.limit, simple.limit + 1]);
  }
});
