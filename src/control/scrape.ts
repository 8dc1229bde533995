// One scrape of the metrics: the Directory says which apps there are, and each one's object is asked.
import { Alarm, TOO_LATE } from "../edge/alarm.ts";
import { fleetOf } from "../edge/fleet-stub.ts";
import { BOUNDS } from "../limits.ts";
import { DIRECTORY_NAME } from "../settings/directory-name.ts";
import type { Settings } from "../settings/settings.ts";
import { openMetrics, type ScrapedApp } from "./openmetrics.ts";

/** The metrics of the apps after a given one in order of name, at most `appsPerScrape`, as text. Fails if the Directory does not answer. */
export async function scrape(env: Cloudflare.Env, settings: Settings, after: string): Promise<string> {
  const alarm = new Alarm();
  const untilMs = Date.now() + BOUNDS.scrapeMs;
  const directory = env.DIRECTORY.getByName(DIRECTORY_NAME);
  const listed = await alarm.within(Promise.resolve(directory.list(after, BOUNDS.appsPerScrape + 1)), BOUNDS.scrapeAppMs);
  if (listed === TOO_LATE) throw new Error("the Directory did not answer a scrape in time");
  const names = listed.slice(0, BOUNDS.appsPerScrape).map(({ app }) => app);
  const apps: (ScrapedApp | null)[] = names.map(() => null);
  let next = 0;
  const askInTurn = async () => {
    for (let at = next++; at < names.length; at = next++) apps[at] = await ask(names[at] ?? "");
  };
  await Promise.all(Array.from({ length: BOUNDS.scrapesAtOnce }, askInTurn));
  return openMetrics(
    apps.filter((app) => app !== null),
    listed.length > names.length,
  );

  /** Null: the app's last replica has just left. */
  async function ask(app: string): Promise<ScrapedApp | null> {
    const withinMs = Math.min(BOUNDS.scrapeAppMs, untilMs - Date.now());
    try {
      const fleet = fleetOf(env, settings, app);
      const answer = withinMs <= 0 ? TOO_LATE : await alarm.within(Promise.resolve(fleet.scrape()), withinMs);
      if (answer === TOO_LATE) throw new Error("it did not answer in time");
      return answer === null ? null : { app, fleet: answer };
    } catch (error) {
      console.warn(JSON.stringify({ message: "an app could not be scraped", app, error: String(error) }));
      return { app, fleet: null };
    }
  }
}
