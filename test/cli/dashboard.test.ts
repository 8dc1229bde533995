// The link that `warmpath dashboard` prints signs a browser in, once.
import { expect, test } from "vitest";
import { sharedRouter } from "../support/conformance.ts";
import { cookieFrom } from "../support/dashboard-session.ts";
import { reaching, warmpath } from "../support/warmpath.ts";

const shared = sharedRouter();

test("the link opens the dashboard", async () => {
  const { status, stdout, stderr } = await warmpath(["dashboard"], reaching(shared()));
  expect([status, stderr]).toEqual([0, ""]);
  const link = new URL(stdout.trim());
  expect(link.origin).toBe(shared().url);
  const signedIn = await shared().send(`${link.pathname}${link.search}`);
  expect(signedIn.status).toBe(200);
  expect((await shared().send("/-/", { headers: { cookie: cookieFrom(signedIn) } })).status).toBe(200);
  expect((await shared().send(`${link.pathname}${link.search}`)).status).toBe(401);
});

test("without a router or a token it is bad usage", async () => {
  const { WARMPATH_ROUTER: _, ...noRouter } = reaching(shared());
  const { WARMPATH_ADMIN_TOKEN: __, ...noToken } = reaching(shared());
  expect((await warmpath(["dashboard"], noRouter)).status).toBe(2);
  expect((await warmpath(["dashboard"], noToken)).status).toBe(2);
});
