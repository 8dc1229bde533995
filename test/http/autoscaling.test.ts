// The recipes of docs/operations/autoscaling.md, against a real router: KEDA's ScaledObject, the script for rented machines. And that an object remembers
// demand for as long as the page says.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { PROJECT } from "../../scripts/bundle.ts";
import { holdAnswers, type HeldAnswers } from "../support/held.ts";
import { HeartbeatSocket } from "../support/heartbeat-socket.ts";
import { Rental, RENT_KEY } from "../support/rental.ts";
import { TestReplica } from "../support/replica.ts";
import { ADMIN, TestRouter } from "../support/router.ts";
import { until } from "../support/until.ts";

const METRICS_TOKEN = "metrics-token";
const OPERATIONS = path.join(PROJECT, "docs", "operations");
const SCRIPT = path.join(OPERATIONS, "scale-rented.sh");
/** Longer than the time without an event after which the runtime hibernates an object. */
const IDLE_MS = 13_000;

let router: TestRouter;
beforeAll(async () => {
  router = await TestRouter.start({ METRICS_TOKEN });
});
afterAll(() => router[Symbol.asyncDispose]());

const scale = (target: string) => router.send(target, { headers: { authorization: `Bearer ${METRICS_TOKEN}` } });
const desired = async (app: string) =>
  (await scale(`/-/apps/${app}/scale`)).json<{ desired_replicas: number }>().desired_replicas;

describe("docs/operations/keda.yml", () => {
  interface Trigger {
    readonly type: string;
    readonly metricType: string;
    readonly metadata: Readonly<Record<string, string>>;
    readonly authenticationRef: { readonly name: string };
  }
  interface Documents {
    readonly TriggerAuthentication: { metadata: { name: string }; spec: { secretTargetRef: { parameter: string }[] } };
    readonly ScaledObject: {
      spec: { minReplicaCount: number; maxReplicaCount: number; pollingInterval: number; triggers: Trigger[] };
    };
  }
  const documents = parseAllDocuments(readFileSync(path.join(OPERATIONS, "keda.yml"), "utf8"));
  const byKind = Object.fromEntries(
    documents.map((document) => {
      expect(document.errors).toEqual([]);
      const its = document.toJS() as { kind: string; apiVersion: string };
      expect(its.apiVersion).toBe("keda.sh/v1alpha1");
      return [its.kind, its];
    }),
  ) as unknown as Documents;
  const { spec } = byKind.ScaledObject;
  const [trigger] = spec.triggers;

  /** As KEDA's scaler: the URL as it is, the token of the TriggerAuthentication, 200, and a number where `valueLocation` says. */
  async function asked(): Promise<number> {
    const url = new URL(trigger?.metadata["url"] ?? "");
    const reply = await scale(url.pathname + url.search);
    expect(reply.status, reply.text).toBe(200);
    const value = (trigger?.metadata["valueLocation"] ?? "")
      .split(".")
      .reduce<unknown>((its, member) => (its as Record<string, unknown>)[member], reply.json());
    expect(value).toEqual(expect.any(Number));
    return value as number;
  }

  test("asks with the token, and as often as the router remembers", () => {
    expect(trigger).toMatchObject({ type: "metrics-api", metricType: "AverageValue", metadata: { authMode: "bearer" } });
    expect(byKind.TriggerAuthentication.metadata.name).toBe(trigger?.authenticationRef.name);
    expect(byKind.TriggerAuthentication.spec.secretTargetRef.map(({ parameter }) => parameter)).toEqual(["token"]);
    expect(spec.pollingInterval).toBeLessThanOrEqual(60);
    expect(new URL(trigger?.metadata["url"] ?? "").searchParams.get("max")).toBe(String(spec.maxReplicaCount));
  });

  test("gets the number of replicas, which is 0 only if nothing is asked for", async () => {
    const held = holdAnswers();
    await using replica = await TestReplica.start(held.answer);
    await router.join({ app: "any-model", replica: "gpu-1", origin: replica.origin });
    expect(await asked()).toBe(1);
    const sent = Array.from({ length: 30 }, () => router.send("/any-model/x"));
    await until("they wait", async () => (await router.view("any-model")).waiting === 29);
    // HorizontalPodAutoscaler, AverageValue: the value over the target of one replica, rounded up.
    expect(trigger?.metadata["targetValue"]).toBe("1");
    const told = await asked();
    expect(told).toBeGreaterThan(1);
    expect(told).toBeLessThanOrEqual(spec.maxReplicaCount);
    held.releaseAll();
    await Promise.all(sent);
    await router.beat({ app: "any-model", replica: "gpu-1", origin: replica.origin, status: "stopped" });
    expect(await asked()).toBe(1);
    await router.join({ app: "idle", replica: "gpu-1", origin: replica.origin });
    await router.beat({ app: "idle", replica: "gpu-1", origin: replica.origin, status: "stopped" });
    expect(await desired("idle")).toBe(0);
    expect((await scale("/-/apps/any-model/scale")).json()).toHaveProperty("waiting", 0);
  });
});

const hasTools = ["curl", "jq"].every((program) => spawnSync(program, ["--version"]).status === 0);

describe.skipIf(!hasTools)("docs/operations/scale-rented.sh", () => {
  /** One pass. Gives its exit status and what it did. */
  async function pass(rental: Rental, app: string, more: Record<string, string> = {}) {
    const env = {
      PATH: process.env["PATH"],
      ROUTER: router.url,
      APP: app,
      METRICS_TOKEN,
      MAX: "4",
      RENT_API: rental.url,
      RENT_KEY,
    };
    const child = spawn("sh", [SCRIPT], { env: { ...env, ADMIN_TOKEN: ADMIN, ...more }, stdio: ["ignore", "pipe", "pipe"] });
    let [out, err] = ["", ""];
    child.stdout.on("data", (chunk) => (out += String(chunk)));
    child.stderr.on("data", (chunk) => (err += String(chunk)));
    const [status] = (await once(child, "close")) as [number];
    return { status, did: out.split("\n").filter((line) => line !== ""), err };
  }

  /** An app that was there once, and has no machine now. */
  async function known(app: string, held: HeldAnswers): Promise<Rental> {
    const origin = "http://127.0.0.1:9";
    await router.join({ app, replica: "first", origin });
    await router.beat({ app, replica: "first", origin, status: "stopped" });
    return Rental.start(router, held.answer);
  }

  test("from nothing to what waits needs, no more than MAX, and every request is served", async () => {
    const held = holdAnswers();
    await using rental = await known("rented", held);
    expect(await pass(rental, "rented")).toEqual({ status: 0, did: [], err: "" });
    const sent = Array.from({ length: 40 }, () => router.send("/rented/x"));
    await until("they wait", async () => (await scale("/-/apps/rented/scale")).json<{ waiting: number }>().waiting === 40);
    expect(await pass(rental, "rented")).toEqual({ status: 0, did: ["rent"], err: "" });
    expect(await pass(rental, "rented")).toEqual({ status: 0, did: ["rent", "rent", "rent"], err: "" });
    expect(await pass(rental, "rented")).toEqual({ status: 0, did: [], err: "" });
    await until("all machines work", () => held.holding === 4);
    held.releaseAll();
    expect(new Set((await Promise.all(sent)).map(({ status }) => status))).toEqual(new Set([200]));
  });

  test("too many are drained, those that serve least first, and given back once they serve nothing", async () => {
    const held = holdAnswers();
    await using rental = await known("many", held);
    expect((await pass(rental, "many", { MIN: "4" })).did).toEqual(["rent", "rent", "rent", "rent"]);
    const sent = router.send("/many/x");
    await until("one works", () => held.holding === 1);
    const busy = (await router.view("many")).replicas.find((replica) => replica.in_flight === 1)?.replica;
    const idle = rental.machines.filter((machine) => machine !== busy);
    // The fleet was not watched for the window yet, so the router takes nothing away: a ceiling does.
    const drained = await pass(rental, "many", { MAX: "2" });
    expect(drained).toMatchObject({ status: 0, err: "" });
    expect(drained.did.map((line) => line.split(" ")[0])).toEqual(["drain", "drain"]);
    for (const line of drained.did) expect(idle).toContain(line.split(" ")[1]);
    const first = drained.did.map((line) => `give_back ${line.split(" ")[1]}`);
    expect((await pass(rental, "many", { MAX: "2" })).did).toEqual(expect.arrayContaining(first));
    expect(rental.machines).toHaveLength(2);
    expect((await pass(rental, "many", { MAX: "0" })).did).toHaveLength(2);
    const rest = idle.filter((machine) => rental.machines.includes(machine));
    expect((await pass(rental, "many", { MAX: "0" })).did).toEqual(rest.map((machine) => `give_back ${machine}`));
    expect((await pass(rental, "many", { MAX: "0" })).did).toEqual([]);
    held.releaseAll();
    expect((await sent).status).toBe(200);
    expect((await pass(rental, "many", { MAX: "0" })).did).toEqual([`give_back ${busy}`]);
    expect(rental.machines).toEqual([]);
  });

  test("a drained machine is taken back into use before another is rented", async () => {
    const held = holdAnswers();
    await using rental = await known("back", held);
    await pass(rental, "back", { MIN: "2" });
    expect((await pass(rental, "back", { MAX: "1" })).did).toHaveLength(1);
    const { did } = await pass(rental, "back", { MIN: "3" });
    expect(new Set(did.map((line) => line.split(" ")[0]))).toEqual(new Set(["undrain", "rent"]));
    expect(did).toHaveLength(2);
    expect(rental.machines).toHaveLength(3);
  });

  test("without ADMIN_TOKEN machines are given back as they are", async () => {
    const held = holdAnswers();
    await using rental = await known("plain", held);
    await pass(rental, "plain", { MIN: "2" });
    expect((await pass(rental, "plain", { MAX: "1", ADMIN_TOKEN: "" })).did).toEqual([
      expect.stringMatching(/^give_back machine-/),
    ]);
    expect(rental.machines).toHaveLength(1);
  });

  test.each([
    ["the router does not know the token", { METRICS_TOKEN: "wrong" }],
    ["the administrator's token is wrong", { ADMIN_TOKEN: "wrong" }],
    ["the router is not there", { ROUTER: "http://127.0.0.1:9" }],
    ["the app is not known", { APP: "nosuch" }],
    ["a bound is no number", { MAX: "many" }],
    ["the provider is not there", { RENT_API: "http://127.0.0.1:9" }],
    ["the provider does not know the key", { RENT_KEY: "wrong" }],
  ])("if %s, nothing is changed", async (_, more) => {
    const held = holdAnswers();
    await using rental = await known("faults", held);
    const before = rental.machines.length;
    const { status, did, err } = await pass(rental, "faults", { MIN: "3", ...more });
    expect([status > 0, did, err !== ""]).toEqual([true, [], true]);
    expect(rental.machines).toHaveLength(before);
    expect(rental.calls).toEqual([]);
  });
});

test("a request for an app without replicas is remembered for a minute, and a fleet that is asked about stays in memory", async () => {
  await using replica = await TestReplica.start();
  const beat = { app: "remembered", replica: "r", origin: replica.origin };
  await using quick = await TestRouter.start({ METRICS_TOKEN, HEARTBEAT_INTERVAL_MS: "50" });
  const told = async (app: string) =>
    (await quick.send(`/-/apps/${app}/scale`, { headers: { authorization: `Bearer ${METRICS_TOKEN}` } })).json<{
      desired_replicas: number;
      last_request_s: number;
    }>();
  await quick.join(beat);
  await quick.beat({ ...beat, status: "stopped" });
  await until("it is refused", async () => (await quick.send("/remembered/x")).status === 503);
  const socket = await HeartbeatSocket.open(router, "asleep");
  await socket.ask({ app: "asleep", replica: "r", origin: replica.origin, hints: ["m"], sequence: 1 });
  expect((await router.send("/asleep/x")).status).toBe(200);
  await scale("/-/apps/asleep/scale");
  await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
  expect(await told("remembered")).toMatchObject({ desired_replicas: 1, last_request_s: expect.any(Number) });
  expect((await router.view("asleep")).counters.granted["least_loaded"]).toBe(1);
}, 40_000);
