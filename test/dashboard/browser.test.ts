// The dashboard in a real Chromium, with real fleets behind it.
import { gzipSync } from "node:zlib";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { signInLink } from "../../src/dashboard/session.ts";
import { hasChromium, launch, Visit, type Look } from "../support/browser.ts";
import { TestReplica } from "../support/replica.ts";
import { ADMIN, TestRouter } from "../support/router.ts";
import { APP, FLEETS, PAGE, type FleetName } from "./fleets.ts";

const SETTINGS = { APP_FROM: "path:2", HEARTBEAT_RATE_MAX: "10000" };
const TIMEOUT = { timeout: 90_000 };

describe.skipIf(!hasChromium())("the dashboard in a browser", () => {
  let browser: Browser;
  beforeAll(async () => void (browser = await launch()));
  afterAll(() => browser.close());

  const LOOKS: readonly Look[] = [
    { width: 360, theme: "light" },
    { width: 1000, theme: "dark" },
    { width: 2000, theme: "light" },
  ];

  test.each(Object.keys(FLEETS) as FleetName[])(
    "shows a fleet that is %s to everybody, at every width",
    TIMEOUT,
    async (name) => {
      await using router = await TestRouter.start(SETTINGS);
      await using _ = await FLEETS[name](router);
      for (const look of LOOKS) {
        await using visit = await Visit.start(browser, look);
        await visit.signIn(router);
        expect(await visit.violations()).toEqual([]);
        if (name !== "empty") {
          await visit.page.getByRole("link", { name: APP }).click();
          await visit.page.getByText("Live", { exact: true }).waitFor();
          expect(await visit.violations()).toEqual([]);
        }
        expect(await visit.overflows()).toBe(false);
        expect(visit.faults).toEqual([]);
        expect(visit.asked.filter((address) => !address.startsWith(`${router.url}/-/`) && !address.startsWith("data:"))).toEqual(
          [],
        );
      }
    },
  );

  test(
    "a page follows its fleet without being loaded again, and keeps what the reader has opened and typed",
    TIMEOUT,
    async () => {
      await using router = await TestRouter.start(SETTINGS);
      await using _ = await FLEETS.healthy(router);
      await using visit = await signedIn(router);
      const { page } = visit;
      await visit.open(router, PAGE);
      await page.evaluate(() => void ((globalThis as { mark?: boolean }).mark = true));
      await page.getByText("Hints as a table").click();
      await page.getByLabel("Name, origin or hint").fill("half a na");
      await page.getByLabel("Name, origin or hint").focus();
      await router.join({ app: APP, replica: "gpu-new", origin: "http://127.0.0.1:9", hints: ["brand-new"], concurrency: 8 });
      await page.getByRole("rowheader", { name: /^gpu-new/ }).waitFor();
      await page.getByRole("group", { name: "Hints" }).getByText("brand-new").waitFor();
      expect(await page.getByLabel("Name, origin or hint").inputValue()).toBe("half a na");
      expect(await page.evaluate(() => (globalThis as { mark?: boolean }).mark)).toBe(true);
      expect(visit.faults).toEqual([]);
    },
  );

  test("a replica is drained, undrained and removed, each only when the reader says yes", TIMEOUT, async () => {
    await using router = await TestRouter.start(SETTINGS);
    await using _ = await FLEETS.healthy(router);
    await using visit = await signedIn(router);
    const { page } = visit;
    await visit.open(router, PAGE);
    const isDrained = async () => (await router.view(APP)).replicas.find(({ replica }) => replica === "gpu-1")?.drained;
    await page.getByRole("button", { name: "Drain gpu-1" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
    expect(await isDrained()).toBe(false);
    await page.getByRole("button", { name: "Drain gpu-1" }).press("Enter");
    await page.getByRole("dialog").getByRole("button", { name: "Drain" }).click();
    await page.getByRole("button", { name: "Undrain gpu-1" }).waitFor();
    expect(await isDrained()).toBe(true);
    await page.getByRole("button", { name: "Undrain gpu-1" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Undrain" }).click();
    await page.getByRole("button", { name: "Drain gpu-1" }).waitFor();
    await page.getByRole("button", { name: "Remove gpu-1" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
    await page.getByRole("rowheader", { name: /^gpu-1/ }).waitFor({ state: "detached" });
    expect((await router.view(APP)).replicas.map(({ replica }) => replica)).toEqual(["gpu-0", "gpu-2", "gpu-3"]);
    expect(visit.faults).toEqual([]);
  });

  test("it explains a hint, finds replicas, and goes through their pages", TIMEOUT, async () => {
    await using router = await TestRouter.start(SETTINGS);
    await using _ = await FLEETS.large(router);
    await using visit = await signedIn(router);
    const { page } = visit;
    await visit.open(router, PAGE);
    await page.getByLabel("Its hints, most preferred first").fill("model-7, model-8");
    await page.getByRole("button", { name: "Explain" }).click();
    await page.getByText(/^A request for studio\/images with model-7, model-8 would go to gpu-\d+ \(hint_match\)/).waitFor();
    expect(await page.getByRole("group", { name: "Candidates" }).getByRole("row").count()).toBe(21);
    await page.getByRole("link", { name: "Next" }).click();
    await page.getByRole("rowheader", { name: /^gpu-0050/ }).waitFor();
    await page.getByText(/would go to gpu-/).waitFor();
    await page.getByLabel("Name, origin or hint").fill("GPU-0999");
    await page.getByRole("button", { name: "Show" }).click();
    await page.getByRole("rowheader", { name: /^gpu-0999/ }).waitFor();
    expect(await page.getByRole("group", { name: "Replicas" }).getByRole("row").count()).toBe(2);
  });

  test("the keyboard reaches every cell of who holds what", TIMEOUT, async () => {
    await using router = await TestRouter.start(SETTINGS);
    await using _ = await FLEETS.large(router);
    await using visit = await signedIn(router);
    const { page } = visit;
    await visit.open(router, PAGE);
    const matrix = page.getByRole("img", { name: /1.000 replicas by 200 hints/ });
    const cell = page.locator("#matrix .cell");
    await matrix.focus();
    const first = await cell.textContent();
    expect(first).toMatch(/^gpu-0000 × model-\d+: (warm|cold)/);
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowRight");
    expect(await cell.textContent()).toMatch(/^gpu-0001 × /);
    for (let step = 0; step < 60; step++) await page.keyboard.press("PageDown");
    expect(await cell.textContent()).toMatch(/^gpu-0999 × /);
  });

  test("a link signs in once; a session's end ends the page's updates", TIMEOUT, async () => {
    await using router = await TestRouter.start(SETTINGS);
    await using _ = await FLEETS.healthy(router);
    const link = await signInLink(router.url, ADMIN, crypto.randomUUID(), Date.now());
    await using visit = await Visit.start(browser);
    const { page } = visit;
    await page.goto(link);
    await page.getByRole("link", { name: APP }).click();
    await page.getByText("Live", { exact: true }).waitFor();
    await using other = await Visit.start(browser);
    await other.page.goto(link);
    await other.page.getByText("This link was used before").waitFor();
    await router.restart(undefined, { ADMIN_TOKEN: "next-token" });
    await page.getByText("Signed out, or out of reach: reload the page.").waitFor();
    await page.reload();
    await page.getByLabel("Administrator’s token").waitFor();
  });

  test("a router that was away is followed again", TIMEOUT, async () => {
    await using router = await TestRouter.start(SETTINGS);
    await using _ = await FLEETS.healthy(router);
    await using visit = await signedIn(router);
    await visit.open(router, PAGE);
    await router.restart(() => visit.page.getByText("Connection lost, trying again …").waitFor());
    await visit.page.getByText("Live", { exact: true }).waitFor();
  });

  test("a page that a replica serves can neither read the dashboard nor change anything", TIMEOUT, async () => {
    await using router = await TestRouter.start(SETTINGS);
    const cookies: string[] = [];
    await using hostile = await TestReplica.start((request, response) => {
      cookies.push(request.headers.cookie ?? "");
      response.setHeader("content-type", "text/html");
      response.setHeader("cross-origin-opener-policy", "same-origin");
      response.end("<title>hostile</title>");
    });
    await router.join({ app: APP, replica: "gpu-1", origin: hostile.origin });
    await using visit = await signedIn(router);
    const { page } = visit;
    await page.goto(`${router.url}/${APP}/page`);
    expect(cookies).toEqual([""]);
    const tries = await page.evaluate(async (dashboard) => {
      const status = async (...[path, init]: Parameters<typeof fetch>) => (await fetch(path, init)).status;
      const form = { method: "POST", body: new URLSearchParams({ change: "remove", replica: "gpu-1", key: "guess" }) };
      const fetched = [
        await status(dashboard),
        await status(`${dashboard}/live?key=guess`),
        await status(`${dashboard}/replicas`, form),
      ];
      const frame = document.createElement("iframe");
      frame.src = dashboard;
      document.body.append(frame);
      await new Promise((resolve) => frame.addEventListener("load", resolve));
      const framed = frame.contentDocument?.body.dataset["formKey"] ?? null;
      return { fetched, framed };
    }, PAGE);
    const opening = page.context().waitForEvent("page");
    await page.evaluate((dashboard) => void Object.assign(globalThis, { opened: open(dashboard) }), PAGE);
    await (await opening).getByText("Live", { exact: true }).waitFor();
    const read = await page.evaluate(() => {
      const { opened } = globalThis as unknown as { opened: Window | null };
      try {
        return opened?.document.body.dataset["formKey"] ?? null;
      } catch {
        // Another browsing context group.
        return null;
      }
    });
    expect(read).toBeNull();
    expect(tries).toEqual({ fetched: [403, 403, 403], framed: null });
    expect((await router.view(APP)).replicas).toHaveLength(1);
  });

  test("all that a browser loads is below 60 KB", TIMEOUT, async () => {
    await using router = await TestRouter.start(SETTINGS);
    await using _ = await FLEETS.healthy(router);
    await using visit = await signedIn(router);
    await visit.open(router, PAGE);
    const assets = new Set(visit.asked.filter((address) => address.includes("/-/assets/")));
    expect(assets.size).toBe(2);
    let bytes = gzipSync(await visit.page.content()).byteLength;
    for (const asset of assets) bytes += gzipSync((await router.send(new URL(asset).pathname)).body).byteLength;
    expect(bytes).toBeGreaterThan(20_000);
    expect(bytes).toBeLessThan(60_000);
  });

  async function signedIn(router: TestRouter): Promise<Visit> {
    const visit = await Visit.start(browser);
    await visit.signIn(router);
    return visit;
  }
});
