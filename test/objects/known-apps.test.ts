// What an isolate remembers of apps, in workerd, with the real Directory: only existing apps, and no more than the bound.
import { env } from "cloudflare:workers";
import { expect, test } from "vitest";
import { appExists, rememberApp, unknownAppFault } from "../../src/edge/known-apps.ts";
import { BOUNDS } from "../../src/limits.ts";
import { DIRECTORY_NAME } from "../../src/settings/directory-name.ts";
import { exchangeOf } from "./exchange.ts";

const NOW = 1_764_000_000_000;

// The Directory does not know this app: only the isolate's memory says that it exists.
test("a flood of unknown names pushes no app out of the memory", { timeout: 60_000 }, async () => {
  rememberApp("remembered", NOW);
  for (let n = 0; n < 2 * BOUNDS.knownApps; n++) {
    const fault = await unknownAppFault(exchangeOf(env, `made-up-${n}`, NOW));
    expect(fault).toMatchObject({ type: "app_not_found" });
  }
  expect(await unknownAppFault(exchangeOf(env, "remembered", NOW))).toBeNull();
});

test("beyond the bound the app not used for longest is forgotten", async () => {
  rememberApp("first", NOW);
  for (let n = 1; n < BOUNDS.knownApps; n++) rememberApp(`other-${n}`, NOW);
  expect(await appExists(env, "first", NOW)).toBe(true);
  rememberApp("one-more", NOW);
  expect(await appExists(env, "first", NOW)).toBe(true);
  expect(await appExists(env, "other-1", NOW)).toBe(false);
  expect(await appExists(env, "other-2", NOW)).toBe(true);
});

test("an app is asked for again after its time, and forgotten if it is gone", async () => {
  rememberApp("gone", NOW);
  expect(await appExists(env, "gone", NOW + BOUNDS.knownAppMs - 1)).toBe(true);
  expect(await appExists(env, "gone", NOW + BOUNDS.knownAppMs)).toBe(false);
  expect(await appExists(env, "gone", NOW)).toBe(false);
});

test("a request for an app that was known before does not wait for the Directory, which is asked once and may deny the app", async () => {
  rememberApp("was-known", NOW);
  const later = NOW + BOUNDS.knownAppMs;
  const asked: string[] = [];
  const knows = (app: string) => {
    asked.push(app);
    return Promise.resolve(false);
  };
  const counting = { ...env, DIRECTORY: { getByName: () => ({ knows }) } } as unknown as Cloudflare.Env;
  const exchanges = [0, 1, 2].map(() => exchangeOf(counting, "was-known", later));
  expect(await Promise.all(exchanges.map((exchange) => unknownAppFault(exchange)))).toEqual([null, null, null]);
  for (const exchange of exchanges) await exchange.over();
  expect(asked).toEqual(["was-known"]);
  expect(await unknownAppFault(exchangeOf(counting, "was-known", later))).toMatchObject({ type: "app_not_found" });
});

test("the Directory's word is remembered", async () => {
  const directory = env.DIRECTORY.getByName(DIRECTORY_NAME);
  await directory.arrived("arrived");
  expect(await unknownAppFault(exchangeOf(env, "arrived", NOW))).toBeNull();
});
