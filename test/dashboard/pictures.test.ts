// Pictures of the dashboard for people to look at, and those that README shows. CONTRIBUTING.md has the commands.
import path from "node:path";
import { describe, test } from "vitest";
import { hasChromium, launch, Visit } from "../support/browser.ts";
import { TestRouter } from "../support/router.ts";
import { FLEETS, PAGE, type FleetName } from "./fleets.ts";

const FOLDER = process.env["PICTURES"];
/** What `npm start` prints. */
const LINK = process.env["LINK"];
const SETTINGS = { APP_FROM: "path:2", HEARTBEAT_RATE_MAX: "10000" };

describe.skipIf(FOLDER === undefined || LINK !== undefined || !hasChromium())("pictures", () => {
  test.each(Object.keys(FLEETS) as FleetName[])("of a fleet that is %s", { timeout: 120_000 }, async (name) => {
    await using router = await TestRouter.start(SETTINGS);
    await using _ = await FLEETS[name](router);
    await using browser = await launch();
    for (const theme of ["light", "dark"] as const) {
      for (const width of [360, 1000, 2000]) {
        await using visit = await Visit.start(browser, { width, theme });
        await visit.signIn(router);
        if (name !== "empty") await visit.open(router, `${PAGE}?explain=sdxl`);
        await visit.page.screenshot({ path: path.join(FOLDER ?? "", `${name}-${width}-${theme}.png`), fullPage: true });
      }
    }
  });
});

describe.skipIf(FOLDER === undefined || LINK === undefined)("pictures of the demo", () => {
  test("for README", { timeout: 120_000 }, async () => {
    await using browser = await launch();
    await using visit = await Visit.start(browser, { width: 1280, height: 1130 });
    const { page } = visit;
    await page.goto(LINK ?? "");
    await page.getByRole("link", { name: "any-model" }).click();
    await page.getByText("Live", { exact: true }).waitFor();
    for (const theme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme: theme });
      await page.screenshot({ path: path.join(FOLDER ?? "", `dashboard-${theme}.png`) });
    }
  });
});
