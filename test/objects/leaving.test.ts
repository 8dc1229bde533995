// An app's last replica leaves while the Directory fails or is slow, and while the Fleet object ends. The app must not stay listed, and a replica that
// comes meanwhile must stay.
import { env } from "cloudflare:workers";
import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, expect, test, vi } from "vitest";
import { Directory } from "../../durable-objects/directory.ts";
import type { Fleet } from "../../durable-objects/fleet.ts";
import type { Heartbeat } from "../../src/routing/ledger/report.ts";
import { DIRECTORY_NAME } from "../../src/settings/directory-name.ts";
import { until } from "../support/until.ts";

afterEach(() => vi.restoreAllMocks());

/** The Directory's own `left`. Tests replace it by one that fails or waits. */
const left = Reflect.get(Directory.prototype, "left") as (this: Directory, app: string) => void;
const leaving = () => vi.spyOn(Directory.prototype, "left");
const outOfReach = () => {
  throw new Error("out of reach");
};

let apps = 0;

interface Joined {
  readonly app: string;
  readonly fleet: () => DurableObjectStub<Fleet>;
  readonly say: (status: Heartbeat["status"]) => Promise<void>;
}

/** An app with one replica. */
async function joined(): Promise<Joined> {
  const app = `leaving-${++apps}`;
  const fleet = () => env.FLEET.getByName(app);
  const origin = "https://gpu.example.com";
  const rest = { origin, incarnation: 1, sequence: null, hints: null, hintSlots: null, concurrency: 1, inFlight: null };
  const say = async (status: Heartbeat["status"]) => {
    expect((await fleet().heartbeat({ app, replica: "r", ...rest, status })).kind).toBe("accepted");
  };
  await say("ready");
  expect(await isListed(app)).toBe(true);
  return { app, fleet, say };
}

async function isListed(app: string): Promise<boolean> {
  return (await env.DIRECTORY.getByName(DIRECTORY_NAME).list("", 1000)).some((each) => each.app === app);
}

/** The object's tables, and whether an alarm is set. */
const stored = ({ fleet }: Joined) =>
  runInDurableObject(fleet(), async (_fleet, { storage }) => ({
    tables: storage.sql.exec("SELECT name FROM sqlite_master WHERE name NOT GLOB '_cf_*'").toArray().length,
    alarm: (await storage.getAlarm()) !== null,
  }));

const NOTHING = { tables: 0, alarm: false };
const ALL = { tables: 3, alarm: true };

async function kill({ fleet }: Joined): Promise<void> {
  await runInDurableObject(fleet(), (_fleet, state) => state.abort("killed by the test")).catch(() => {});
}

test("if the Directory fails at that moment, the alarm tells it, and only then is everything deleted", async () => {
  const its = await joined();
  const told = leaving().mockImplementationOnce(outOfReach).mockImplementationOnce(outOfReach);
  await its.say("stopped");
  await until("the Directory has failed", () => told.mock.calls.length === 1);
  expect(await stored(its)).toEqual(ALL);
  expect(await runDurableObjectAlarm(its.fleet())).toBe(true);
  expect(told).toHaveBeenCalledTimes(2);
  expect(await stored(its)).toEqual(ALL);
  expect(await isListed(its.app)).toBe(true);
  expect(await runDurableObjectAlarm(its.fleet())).toBe(true);
  expect(await stored(its)).toEqual(NOTHING);
  expect(await isListed(its.app)).toBe(false);
});

test("if the object ends before the Directory was told, the next object's alarm tells it", async () => {
  const its = await joined();
  const told = leaving().mockImplementationOnce(outOfReach);
  await its.say("stopped");
  await until("the Directory has failed", () => told.mock.calls.length === 1);
  await kill(its);
  expect(await stored(its)).toEqual(ALL);
  expect(await its.fleet().view()).toBe(null);
  expect(await runDurableObjectAlarm(its.fleet())).toBe(true);
  expect(await stored(its)).toEqual(NOTHING);
  expect(await isListed(its.app)).toBe(false);
});

test("with a deleted incarnation to remember, too", async () => {
  const its = await joined();
  const told = leaving().mockImplementationOnce(outOfReach);
  expect(await its.fleet().remove("r")).toBe(true);
  await until("the Directory has failed", () => told.mock.calls.length === 1);
  await kill(its);
  expect(await runDurableObjectAlarm(its.fleet())).toBe(true);
  expect(await stored(its)).toEqual({ ...ALL, alarm: false });
  expect(await isListed(its.app)).toBe(false);
});

test("a replica that comes while the Directory is being told stays, listed and stored", async () => {
  const its = await joined();
  const [begun, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  leaving().mockImplementationOnce(async function (this: Directory, app: string) {
    begun.resolve();
    await goOn.promise;
    left.call(this, app);
  } as unknown as (app: string) => void);
  await its.say("stopped");
  await begun.promise;
  const back = its.say("ready");
  await until("it is there", async () => (await its.fleet().view()) !== null);
  goOn.resolve();
  await back;
  await until("the Directory knows again", () => isListed(its.app));
  expect(await stored(its)).toEqual(ALL);
  await kill(its);
  expect((await its.fleet().view())?.replicas).toMatchObject([{ replica: "r" }]);
});

test("a replica that comes after the Directory heard of the end without an answer is listed again", async () => {
  const its = await joined();
  const told = leaving().mockImplementationOnce(function (this: Directory, app: string) {
    left.call(this, app);
    return outOfReach();
  });
  await its.say("stopped");
  await until("the Directory has failed", () => told.mock.calls.length === 1);
  expect(await isListed(its.app)).toBe(false);
  await its.say("ready");
  expect(await isListed(its.app)).toBe(true);
});
