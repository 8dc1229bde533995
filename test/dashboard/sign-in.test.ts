// Who gets to see the dashboard, and from where its actions may come. What a browser makes of the same headers is in browser.test.ts.
import { describe, expect, test } from "vitest";
import { sign, signInLink } from "../../src/dashboard/session.ts";
import { TestReplica } from "../support/replica.ts";
import { ADMIN, TestRouter, type Reply } from "../support/router.ts";
import { cookieFrom, openPage, signIn } from "../support/dashboard-session.ts";

const OWN_PAGE = { "sec-fetch-site": "same-origin", "sec-fetch-mode": "cors", "sec-fetch-dest": "empty" };

describe("signing in", () => {
  test("a stranger gets the form and nothing else", async () => {
    await using router = await TestRouter.start();
    await router.join({ app: "secret-app", replica: "gpu-1", origin: "http://127.0.0.1:9", hints: ["sdxl"] });
    for (const path of ["/-/", "/-/dashboard/secret-app"]) {
      const reply = await router.send(path);
      expect(reply.status).toBe(401);
      expect(reply.headers["content-type"]).toBe("text/html; charset=utf-8");
      expect(reply.text).toContain('name="token"');
      expect(reply.text).not.toContain("gpu-1");
    }
    expect((await router.send("/-/dashboard/secret-app/live?key=x")).status).toBe(403);
    expect((await router.send("/-/live?key=x")).status).toBe(403);
  });

  test("the token opens it, by a cookie that scripts, other sites and replicas never get", async () => {
    await using router = await TestRouter.start();
    const wrong = await post(router, "/-/sign-in", { token: "wrong" });
    expect([wrong.status, wrong.headers["set-cookie"]]).toEqual([401, undefined]);
    const right = await post(router, "/-/sign-in", { token: ADMIN });
    expect(right.status).toBe(200);
    const [cookie = ""] = right.headers["set-cookie"] ?? [];
    expect(cookie).toMatch(/^warmpath_session=[\w.-]+; Max-Age=43200; Path=\/-\/; HttpOnly; SameSite=Strict$/);
    expect(cookie).not.toContain(ADMIN);
    expect((await router.send("/-/", { headers: { cookie: cookieFrom(right) } })).status).toBe(200);
  });

  test("outside development the cookie is for https alone", async () => {
    await using router = await TestRouter.start({ ALLOW_PRIVATE_ORIGINS: "false" });
    const reply = await post(router, "/-/sign-in", { token: ADMIN });
    expect(reply.headers["set-cookie"]?.[0]).toContain("; Secure;");
  });

  test("without ADMIN_TOKEN nobody gets in", async () => {
    await using router = await TestRouter.start({ ADMIN_TOKEN: "" });
    for (const token of ["", "null", ADMIN]) {
      const reply = await post(router, "/-/sign-in", { token });
      expect([reply.status, reply.headers["set-cookie"]]).toEqual([401, undefined]);
    }
  });

  test("another site can't sign anybody in or out", async () => {
    await using router = await TestRouter.start();
    const foreign: Record<string, string>[] = [
      { "sec-fetch-site": "cross-site" },
      { "sec-fetch-site": "same-site" },
      { origin: "https://evil.example" },
      {},
    ];
    for (const headers of foreign) {
      for (const path of ["/-/sign-in", "/-/sign-out"]) {
        const reply = await post(router, path, { token: ADMIN }, headers);
        expect([reply.status, reply.headers["set-cookie"]]).toEqual([403, undefined]);
      }
    }
    const { cookie } = await signIn(router);
    const { formKey } = await openPage(router, cookie, "/-/");
    const out = await post(router, "/-/sign-out", { key: formKey }, { ...OWN_PAGE, cookie });
    expect(out.headers["set-cookie"]?.[0]).toContain("Max-Age=0");
    const own = { origin: router.url };
    expect((await post(router, "/-/sign-in", { token: ADMIN }, own)).status).toBe(200);
  });

  test("a session that is forged, over, or of another token is none", async () => {
    await using router = await TestRouter.start();
    const now = Date.now();
    const nonce = crypto.randomUUID();
    const good = await sign(ADMIN, "session", { expiresAtMs: now + 60_000, nonce });
    const status = async (text: string) => (await router.send("/-/", { headers: { cookie: `warmpath_session=${text}` } })).status;
    expect(await status(good)).toBe(200);
    const bad = [
      good.replace(/^\d/, "9"),
      `${good.slice(0, -2)}AA`,
      good.slice(0, good.lastIndexOf(".")),
      await sign(ADMIN, "session", { expiresAtMs: now - 1, nonce }),
      await sign(ADMIN, "session", { expiresAtMs: now + 13 * 3_600_000, nonce }),
      await sign("other-token", "session", { expiresAtMs: now + 60_000, nonce }),
      await sign(ADMIN, "link", { expiresAtMs: now + 60_000, nonce }),
      "",
      "x".repeat(5000),
    ];
    for (const text of bad) expect(await status(text)).toBe(401);
  });

  test("another ADMIN_TOKEN ends every session", async () => {
    await using router = await TestRouter.start();
    const { cookie } = await signIn(router);
    await router.restart(undefined, { ADMIN_TOKEN: "next-token" });
    expect((await router.send("/-/", { headers: { cookie } })).status).toBe(401);
  });
});

describe("a link", () => {
  test("signs in once", async () => {
    await using router = await TestRouter.start();
    const link = await signInLink("", ADMIN, crypto.randomUUID(), Date.now());
    const first = await router.send(link);
    expect(first.status).toBe(200);
    expect((await router.send("/-/", { headers: { cookie: cookieFrom(first) } })).status).toBe(200);
    await router.restart();
    const second = await router.send(link);
    expect([second.status, second.headers["set-cookie"]]).toEqual([401, undefined]);
  });

  test("that is over, forged, or asked for by a script signs nobody in", async () => {
    await using router = await TestRouter.start();
    const now = Date.now();
    const links = [
      await signInLink("", ADMIN, crypto.randomUUID(), now - 11 * 60_000),
      await signInLink("", "other-token", crypto.randomUUID(), now),
      await signInLink("", ADMIN, crypto.randomUUID(), now + 60_000),
      "/-/sign-in?link=",
    ];
    for (const link of links) expect((await router.send(link)).status).toBe(401);
    const good = await signInLink("", ADMIN, crypto.randomUUID(), now);
    expect((await router.send(good, { headers: OWN_PAGE })).status).toBe(403);
    expect((await router.send(good, { method: "HEAD" })).status).toBe(403);
    expect((await router.send(good)).status).toBe(200);
  });
});

describe("pages and actions", () => {
  test("a page may run its own scripts alone, and be in no frame", async () => {
    await using router = await TestRouter.start();
    const { cookie } = await signIn(router);
    const { headers, text } = await router.send("/-/", { headers: { cookie } });
    const policy = String(headers["content-security-policy"]);
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain(`script-src ${router.url}/-/assets/`);
    expect(policy).not.toContain("unsafe");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(headers["cross-origin-opener-policy"]).toBe("noopener-allow-popups");
    expect(headers["cache-control"]).toBe("no-store");
    const assets = [...text.matchAll(/(?:src|href)="(\/-\/assets\/[^"]+)"/g)].map(([, path]) => path ?? "");
    expect(assets).toHaveLength(2);
    for (const path of assets) {
      const asset = await router.send(path);
      expect([asset.status, asset.headers["cache-control"]]).toEqual([200, "public, max-age=31536000, immutable"]);
    }
    expect((await router.send("/-/assets/other.js")).status).toBe(404);
  });

  test("a script or a frame gets no page, even with the cookie", async () => {
    await using router = await TestRouter.start();
    const { cookie } = await signIn(router);
    const askers: Record<string, string>[] = [OWN_PAGE, { "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe" }];
    for (const asker of askers) expect((await router.send("/-/", { headers: { cookie, ...asker } })).status).toBe(403);
    const reader = { "sec-fetch-site": "none", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" };
    expect((await router.send("/-/", { headers: { cookie, ...reader } })).status).toBe(200);
  });

  test("a change needs the session, its key, and a page of the dashboard", async () => {
    await using router = await TestRouter.start();
    await using replica = await TestReplica.start();
    await router.join({ app: "app", replica: "gpu-1", origin: replica.origin, hints: ["sdxl"] });
    const { cookie } = await signIn(router);
    const { formKey, liveKey } = await openPage(router, cookie, "/-/dashboard/app");
    const drain = { change: "drain", replica: "gpu-1" };
    const path = "/-/dashboard/app/replicas";
    const send = (form: Record<string, string>, headers: Record<string, string>) => post(router, path, form, headers);
    const other = await signIn(router);
    const otherKey = (await openPage(router, other.cookie, "/-/dashboard/app")).formKey;
    const refused = [
      await send({ ...drain, key: formKey }, OWN_PAGE),
      await send(drain, { ...OWN_PAGE, cookie }),
      await send({ ...drain, key: liveKey }, { ...OWN_PAGE, cookie }),
      await send({ ...drain, key: otherKey }, { ...OWN_PAGE, cookie }),
      await send({ ...drain, key: formKey }, { cookie, "sec-fetch-site": "cross-site" }),
      await send({ ...drain, key: formKey, replica: "x".repeat(5000) }, { ...OWN_PAGE, cookie }),
    ];
    expect(refused.map(({ status }) => status)).toEqual([403, 403, 403, 403, 403, 403]);
    expect((await router.view("app")).replicas[0]?.drained).toBe(false);
    const mine = { ...OWN_PAGE, cookie };
    expect((await send({ ...drain, key: formKey }, mine)).status).toBe(200);
    expect((await router.view("app")).replicas[0]?.drained).toBe(true);
    expect((await send({ change: "undrain", replica: "gpu-1", key: formKey }, mine)).status).toBe(200);
    expect((await router.view("app")).replicas[0]?.drained).toBe(false);
    expect((await send({ change: "reboot", replica: "gpu-1", key: formKey }, mine)).status).toBe(400);
    expect((await send({ change: "remove", replica: "gpu-2", key: formKey }, mine)).status).toBe(404);
    expect((await send({ change: "remove", replica: "gpu-1", key: formKey }, mine)).status).toBe(200);
    expect((await router.admin("/-/apps/app")).status).toBe(404);
  });

  test("with DASHBOARD_HOST it is at that host alone, and no app is there", async () => {
    const host = "dashboard.example.com";
    await using router = await TestRouter.start({ DASHBOARD_HOST: host });
    await using replica = await TestReplica.start();
    await router.join({ app: "app", replica: "gpu-1", origin: replica.origin });
    expect((await router.send("/-/")).status).toBe(404);
    expect((await router.send("/-/sign-in")).status).toBe(404);
    expect((await router.send("/-/", { headers: { host } })).status).toBe(401);
    expect((await router.send("/app/x")).status).toBe(200);
    const there = await router.send("/app/x", { headers: { host } });
    expect([there.status, there.headers["x-fal-error-type"]]).toEqual([404, "not_found"]);
    expect((await router.send("/-/healthz", { headers: { host } })).status).toBe(200);
  });
});

function post(
  router: TestRouter,
  path: string,
  form: Record<string, string>,
  headers: Record<string, string> = OWN_PAGE,
): Promise<Reply> {
  const type = { "content-type": "application/x-www-form-urlencoded" };
  return router.send(path, { method: "POST", headers: { ...type, ...headers }, body: new URLSearchParams(form).toString() });
}
