// The built bundle also runs under plain miniflare, which `wrangler dev` and users' own tests use.
import { readFileSync } from "node:fs";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { expect, test } from "vitest";
import { BUNDLE } from "../../scripts/bundle.ts";
import { TestReplica } from "../support/replica.ts";

test("a heartbeat, a request by its hint, and the address of a client that Cloudflare names", async () => {
  await using replica = await TestReplica.start();
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      modules: [{ type: "ESModule", path: "index.js", contents: readFileSync(BUNDLE, "utf8") }],
      compatibilityDate: "2026-11-02",
      durableObjects: {
        FLEET: { className: "Fleet", useSQLite: true },
        DIRECTORY: { className: "Directory", useSQLite: true },
      },
      bindings: { HEARTBEAT_TOKENS: "t", ALLOW_PRIVATE_ORIGINS: true, HEARTBEAT_INTERVAL_MS: 60_000 },
    }),
  );
  try {
    const beat = await miniflare.dispatchFetch("http://router/-/heartbeat", {
      method: "POST",
      headers: { authorization: "Bearer t" },
      body: JSON.stringify({ app: "a", replica: "r", origin: replica.origin, hints: ["sdxl"] }),
    });
    expect(await beat.json()).toEqual({ time_to_live_ms: 180_000, next_heartbeat_ms: 60_000 });
    const reply = await miniflare.dispatchFetch("http://router/a/x", { headers: { "x-fal-runner-hint": "sdxl" } });
    expect([reply.status, await reply.text(), reply.headers.get("x-fal-served-from")]).toEqual([200, "ok", "r"]);
    await miniflare.dispatchFetch("http://router/a/x", {
      headers: { "cf-connecting-ip": "203.0.113.9", "x-forwarded-for": "198.51.100.1" },
      cf: { colo: "FRA" },
    });
    expect(replica.last.headers["x-forwarded-for"]).toBe("203.0.113.9");
  } finally {
    await miniflare.dispose();
  }
});
