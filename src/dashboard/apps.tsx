// The page of all apps: for each how it does.
import { Alarm, TOO_LATE } from "../edge/alarm.ts";
import type { Call } from "../control/call.ts";
import { fleetOf } from "../edge/fleet-stub.ts";
import { BOUNDS } from "../limits.ts";
import { DIRECTORY_NAME } from "../settings/directory-name.ts";
import type { FleetScrape } from "../views/gauges.ts";
import { counted, share, whole } from "./format.ts";
import { htmlOf } from "./html.ts";
import type { Section } from "./page.tsx";
import { Meter, Table } from "./parts.tsx";

interface ShownApp {
  readonly app: string;
  /** Null: its object did not answer. */
  readonly fleet: FleetScrape | null;
}

export async function appsSections(call: Call): Promise<readonly Section[]> {
  const { env, settings } = call.env;
  const after = call.req.query("after") ?? "";
  const listed = await env.DIRECTORY.getByName(DIRECTORY_NAME).list(after, BOUNDS.appsPerDashboard + 1);
  const names = listed.slice(0, BOUNDS.appsPerDashboard).map(({ app }) => app);
  const alarm = new Alarm();
  const apps = await Promise.all(names.map((app) => ask(app)));
  const shown = apps.filter((app) => app !== null);
  const next = listed.length > names.length ? (names.at(-1) ?? null) : null;
  return [{ id: "apps", html: await htmlOf(<Apps apps={shown} next={next} first={after === ""} />) }];

  /** Null: the app's last replica has just left. */
  async function ask(app: string): Promise<ShownApp | null> {
    try {
      const answer = await alarm.within(Promise.resolve(fleetOf(env, settings, app).scrape(false)), BOUNDS.scrapeAppMs);
      if (answer === null) return null;
      return { app, fleet: answer === TOO_LATE ? null : answer };
    } catch {
      return { app, fleet: null };
    }
  }
}

function Apps({
  apps,
  next,
  first,
}: {
  readonly apps: readonly ShownApp[];
  readonly next: string | null;
  readonly first: boolean;
}) {
  return (
    <section id="apps">
      {apps.length === 0 && first ? (
        <div class="empty">
          <p>No app has a replica yet. A replica joins with its first heartbeat:</p>
          <pre tabindex={0}>
            {`curl <this router>/-/heartbeat -H 'Authorization: Bearer <HEARTBEAT_TOKENS>' \\
  -d '{"app":"any-model","replica":"gpu-1","origin":"https://gpu-1.example.com","hints":["sdxl"]}'`}
          </pre>
        </div>
      ) : (
        <Table label="Apps" heads={["App", ["Replicas ready"], ["Slots busy"], ["Waiting"], ["Found warm"], "Failing"]}>
          {apps.map(({ app, fleet }) => (
            <tr>
              <th scope="row">
                <a href={`/-/dashboard/${encodeURIComponent(app)}`}>{app}</a>
              </th>
              {fleet === null ? <td colspan={5}>The app’s object did not answer.</td> : <Figures fleet={fleet} />}
            </tr>
          ))}
        </Table>
      )}
      {next !== null && (
        <nav class="pages" aria-label="Pages of apps">
          <a href={`?after=${encodeURIComponent(next)}`}>Next</a>
        </nav>
      )}
    </section>
  );
}

function Figures({ fleet: { replicas, slots, queue, metrics } }: { readonly fleet: FleetScrape }) {
  const all = sum(Object.values(replicas));
  const usable = slots.busy + slots.free;
  const troubled = replicas.ejected + replicas.probation;
  const served = sum(Object.values(metrics.requests).flatMap((outcomes) => Object.values(outcomes)));
  const loads = sum(Object.values(metrics.loads));
  return (
    <>
      <td class="number">{`${whole(replicas.ready)} of ${whole(all)}`}</td>
      <td class="number">
        {`${whole(slots.busy)} of ${whole(usable)} `}
        <Meter value={slots.busy} most={usable} label={`${share(slots.busy, usable)} of slots busy`} />
      </td>
      <td class="number">{whole(sum(Object.values(queue)))}</td>
      <td class="number">{share(Math.max(0, served - loads), served)}</td>
      <td>{troubled === 0 ? "–" : <span class="state bad">{counted(troubled, "replica")}</span>}</td>
    </>
  );
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
