// Pictures of the dashboard for people to look at: PICTURES=<folder> npx vitest run --project http test/dashboard/pictures.test.ts
import path from "node:path";
import { describe, test } from "vitest";
import { hasChromium, launch, Visit } from "../support/browser.ts";
import { TestRouter } from "../support/router.ts";
import { FLEETS, PAGE, type FleetName } from "./fleets.ts";

const FOLDER = process.env["PICTURES"];
const SETTINGS = { APP_FROM: "path:2", QUEUE_LENGTH_MAX: "100" };

describe.skipIf(FOLDER === undefined || !hasChromium())("pictures", () => {
  test.each(Object.keys(FLEETS) as FleetName[])("of a fleet that is %s", { timeout: 120_000 }, async (name) => {
    await using router = await TestRouter.start({ ...SETTINGS, HEARTBEAT_RATE_MAX: "10000" });
    await using _ = await FLEETS[name](router);
    await using browser = await launch();
    for (const theme of ["light", "dark"] as const) {
      for (const width of [360, 1000, 2000]) {
        await using visit = await Visit.start(browser, { width, theme });
        await visit.signIn(router);
        if (name !== "empty") await visit.open(router, `${PAGE}?explain=sdxl`);
        await visit.page.waitForTimeout(300);
        await visit.page.screenshot({ path: path.join(FOLDER ?? "", `${name}-${width}-${theme}.png`), fullPage: true });
      }
    }
  });
});
