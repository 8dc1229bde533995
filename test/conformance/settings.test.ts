// Contract, "Settings" as far as they show on the wire: bad settings, admitted origins, defaults.
import { describe, expect, test } from "vitest";
import { expectProblem, validBeat } from "../support/conformance.ts";
import { TestReplica } from "../support/replica.ts";
import { TestRouter } from "../support/router.ts";

const TARGETS = [
  ["GET", "/any/x"],
  ["GET", "/-/healthz"],
  ["POST", "/-/heartbeat"],
  ["GET", "/-/apps"],
  ["GET", "/-/nothing"],
  ["OPTIONS", "/"],
] as const;

describe("a bad setting is 500 misconfigured everywhere, naming the setting", () => {
  test.each([
    ["HEARTBEAT_TOKENS", "{not json"],
    ["HEARTBEAT_TOKENS", '{"app": 7}'],
    ["HEARTBEAT_TOKENS", '{"app": ""}'],
    ["HEARTBEAT_TOKENS", '{"bad name": "t"}'],
    ["ORIGIN_ALLOW", "https://gpu.example.com"],
    ["ORIGIN_ALLOW", "gpu.*.com"],
    ["ALLOW_PRIVATE_ORIGINS", "perhaps"],
    ["APP_FROM", "path:3"],
    ["APP_FROM", "fixed:"],
    ["APP_FROM", "fixed:bad name"],
    ["HINT_HEADERS", "not a name: x"],
    ["HINT_FROM_PATH", "/models/*"],
    ["HINT_FROM_QUERY", "a b"],
    ["HINT_FROM_JSON", "/a~2"],
    ["HINT_ALIASES", '{"a":"b","b":"c"}'],
    ["MODELS_ENDPOINT", "ollama"],
    ["NO_SLOT", "GET models"],
    ["DISPATCH", "random"],
    ["FLEET_LOCATION", "moon"],
    ["MAX_ATTEMPTS", "0"],
    ["RETRY_BODY_MAX_BYTES", "-1"],
    ["QUEUE_TIMEOUT_MS", "soon"],
    ["QUEUE_LENGTH_MAX", "1.5"],
    ["FIRST_BYTE_TIMEOUT_MS", "0x10"],
    ["IDLE_TIMEOUT_MS", "-1"],
    ["SNAPSHOT_MAX_AGE_MS", "5m"],
    ["HEARTBEAT_INTERVAL_MS", "0"],
    ["HEARTBEAT_RATE_MAX", "0"],
    ["COLD_START_MS", "12s"],
    ["SCHEDULING", "lifo"],
    ["AFFINITY_WAIT", "maybe"],
    ["CORS_ORIGINS", "app.example.com"],
    ["LOG", "everything"],
    ["LOG_SAMPLE_PERCENT", "0"],
  ])("SET-1 %s = %s", async (setting, value) => {
    await using router = await TestRouter.start({ [setting]: value });
    for (const [method, target] of TARGETS) {
      const reply = await router.send(target, { method, headers: { authorization: "Bearer beat-token" } });
      expect(expectProblem(reply, 500, "misconfigured").detail).toContain(setting);
    }
  });

  test.each([
    ["HEARTBEAT_TOKENS", '{"app": "very-secret" oops'],
    ["ORIGIN_ALLOW", "http://user:very-secret@10.0.0.5"],
    ["HINT_ALIASES", '{"very-secret": ""}'],
  ])("SET-2 the value of %s itself is not told: it may be a secret", async (setting, value) => {
    await using router = await TestRouter.start({ [setting]: value });
    expect((await router.send("/-/healthz")).text).not.toContain("very-secret");
  });
});

test("SET-3 good ones are admitted together, and empty text is as good as none", async () => {
  const settings = {
    HEARTBEAT_TOKENS: '{"a": ["x", "y"], "owner/app": "z", "*": "beat-token"}',
    ORIGIN_ALLOW: "*.gpu.example.com, gpu.example.org:8443",
    APP_FROM: "path:1",
    HINT_HEADERS: "X-Fal-Runner-Hint, x-lora",
    HINT_FROM_PATH: "*/models/{hint}:*",
    HINT_FROM_QUERY: "model",
    HINT_FROM_JSON: "/input/model",
    HINT_ALIASES: '{"llama3": "llama3:latest"}',
    MODELS_ENDPOINT: "openai",
    NO_SLOT: "GET */v1/models, /health",
    DISPATCH: "registry",
    FLEET_LOCATION: "weur",
    MAX_ATTEMPTS: "10",
    RETRY_BODY_MAX_BYTES: "0",
    QUEUE_TIMEOUT_MS: "1",
    QUEUE_LENGTH_MAX: "0",
    IDLE_TIMEOUT_MS: "0",
    SNAPSHOT_MAX_AGE_MS: "0",
    AFFINITY_WAIT: "never",
    CORS_ORIGINS: "https://app.example.com, http://localhost:5173",
    ORIGIN_SIGNING_KEY: "",
    COLD_START_MS: "",
  };
  await using router = await TestRouter.start(settings);
  await using replica = await TestReplica.start();
  expect((await router.send("/-/healthz")).status).toBe(200);
  await router.join({ app: "a", replica: "r1", origin: replica.origin });
  expect((await router.send("/a/x", { method: "POST", body: "b" })).status).toBe(200);
});

test("SET-4 RETRY_BODY_MAX_BYTES=0 leaves requests without a body their attempts", async () => {
  await using router = await TestRouter.start({ RETRY_BODY_MAX_BYTES: "0" });
  await using bad = await TestReplica.start((_request, response) => response.writeHead(503).end());
  await using good = await TestReplica.start();
  // Two apps, because the first 503 ejects its replica.
  for (const app of ["a", "b"]) {
    await router.join({ app, replica: "bad", origin: bad.origin, hints: ["h"] });
    await router.join({ app, replica: "good", origin: good.origin, hints: [] });
  }
  const headers = { "x-fal-runner-hint": "h" };
  expect((await router.send("/a/x", { headers })).status).toBe(200);
  expect((await router.send("/b/x", { headers, method: "POST", body: "b" })).status).toBe(503);
});

test("SET-5 QUEUE_LENGTH_MAX=0 and QUEUE_TIMEOUT_MS=0: nobody waits", async () => {
  for (const settings of [{ QUEUE_LENGTH_MAX: "0" }, { QUEUE_TIMEOUT_MS: "0" }]) {
    await using router = await TestRouter.start(settings);
    await router.join(validBeat("a", { status: "starting" }));
    expect([429, 504]).toContain((await router.send("/a/x")).status);
  }
});

describe("origins", () => {
  const ALLOW = "*.gpu.example.com, gpu.example.org:8443 edge.example.net";

  async function verdicts(router: TestRouter, origins: readonly string[]): Promise<Record<string, string>> {
    const found: Record<string, string> = {};
    for (const [n, origin] of origins.entries()) {
      const reply = await router.beat(validBeat("a", { replica: `r${n}`, origin }));
      if (reply.status !== 200) expect(expectProblem(reply, 422, "invalid_heartbeat").detail).toContain("origin");
      found[origin] = reply.status === 200 ? "admitted" : "refused";
    }
    return found;
  }

  const all = (origins: readonly string[], verdict: string) => Object.fromEntries(origins.map((origin) => [origin, verdict]));

  const NAMED = [
    "https://one.gpu.example.com",
    "https://ONE.gpu.EXAMPLE.com/",
    "https://a.b.c.gpu.example.com",
    "https://one.gpu.example.com:443",
    "https://gpu.example.org:8443",
    "https://edge.example.net",
  ];
  const NOT_NAMED = [
    "https://gpu.example.com",
    "https://evilgpu.example.com",
    "https://gpu.example.com.evil.com",
    "https://one.gpu.example.com.evil.com",
    "https://one.gpu.example.com:8443",
    "https://gpu.example.org",
    "https://sub.gpu.example.org:8443",
    "https://sub.edge.example.net",
    "https://edge.example.net:80",
    "https://example.com",
  ];
  const PRIVATE = [
    "https://127.0.0.1",
    "https://10.0.0.1",
    "https://172.16.5.4",
    "https://192.168.1.1",
    "https://169.254.169.254",
    "https://100.64.0.1",
    "https://0.0.0.0",
    "https://203.0.113.9",
    "https://[::1]",
    "https://[fd00::1]",
    "https://[::ffff:10.0.0.1]",
    "https://2130706433",
    "https://0x7f.1",
    "https://0177.0.0.1",
    "https://localhost",
    "https://gpu.localhost",
    "https://printer.local",
    "https://metadata.google.internal",
    "https://gpu-1",
  ];

  test("SET-6 outside development: https, a host that ORIGIN_ALLOW names, no private or IP-literal one", async () => {
    await using router = await TestRouter.start({ ALLOW_PRIVATE_ORIGINS: "false", ORIGIN_ALLOW: ALLOW });
    expect(await verdicts(router, NAMED)).toEqual(all(NAMED, "admitted"));
    expect(await verdicts(router, NOT_NAMED)).toEqual(all(NOT_NAMED, "refused"));
    expect(await verdicts(router, PRIVATE)).toEqual(all(PRIVATE, "refused"));
    const http = NAMED.map((origin) => origin.replace("https:", "http:"));
    expect(await verdicts(router, http)).toEqual(all(http, "refused"));
  });

  test("SET-7 a pattern does not admit private names and addresses", async () => {
    const settings = { ALLOW_PRIVATE_ORIGINS: "false", ORIGIN_ALLOW: "*.internal, localhost, 10.0.0.1, *.localhost" };
    await using router = await TestRouter.start(settings);
    const origins = ["https://gpu.internal", "https://localhost", "https://10.0.0.1", "https://a.localhost"];
    expect(await verdicts(router, origins)).toEqual(all(origins, "refused"));
  });

  test("SET-8 without ORIGIN_ALLOW every origin is refused; that is also the default of ALLOW_PRIVATE_ORIGINS", async () => {
    await using router = await TestRouter.start({ ALLOW_PRIVATE_ORIGINS: "" });
    const origins = [...NAMED, ...PRIVATE, "http://127.0.0.1:9"];
    expect(await verdicts(router, origins)).toEqual(all(origins, "refused"));
  });

  test("SET-9 in development http and private hosts are admitted without ORIGIN_ALLOW, public ones are not", async () => {
    await using router = await TestRouter.start();
    const local = [...PRIVATE, "http://127.0.0.1:9", "http://10.1.2.3:8000", "http://gpu-1:8000"];
    expect(await verdicts(router, local)).toEqual(all(local, "admitted"));
    const other = ["https://gpu.example.com", "http://gpu.example.com"];
    expect(await verdicts(router, other)).toEqual(all(other, "refused"));
  });

  test("SET-9 in development a public host needs ORIGIN_ALLOW, and no port is the scheme's default", async () => {
    await using router = await TestRouter.start({ ORIGIN_ALLOW: ALLOW });
    const admitted = [...NAMED, "http://edge.example.net", "http://edge.example.net:80"];
    expect(await verdicts(router, admitted)).toEqual(all(admitted, "admitted"));
    const refused = [...NOT_NAMED, "http://edge.example.net:443", "http://gpu.example.org"];
    expect(await verdicts(router, refused)).toEqual(all(refused, "refused"));
  });

  test("SET-10 listed: private hosts and addresses that ORIGIN_ALLOW names, with http, and no others", async () => {
    const ORIGIN_ALLOW = "*.fleet.internal, 10.20.0.0/16:8000, [fd12:3456::]/32, 0.0.0.0/0:81, gpu.example.com";
    await using router = await TestRouter.start({ ALLOW_PRIVATE_ORIGINS: "listed", ORIGIN_ALLOW });
    const admitted = ["http://a.fleet.internal", "https://a.fleet.internal", "http://10.20.3.4:8000", "https://gpu.example.com"];
    expect(await verdicts(router, admitted)).toEqual(all(admitted, "admitted"));
    const refused = ["http://a.other.internal", "http://10.21.3.4:8000", "http://gpu.example.com", "http://169.254.169.254:81"];
    expect(await verdicts(router, [...refused, ...PRIVATE])).toEqual(all([...refused, ...PRIVATE], "refused"));
  });
});
