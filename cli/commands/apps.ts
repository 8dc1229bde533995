// `warmpath apps`: the apps that have replicas.
import { ask, reachOf } from "../client.ts";
import { adminCommand, adminTokenOf, job } from "../command.ts";
import { Failed } from "../failure.ts";
import { LIMITS } from "../limits.ts";
import { table } from "../text.ts";

interface App {
  readonly app: string;
  readonly since_ms: number;
}

interface Page {
  readonly apps: readonly App[];
  readonly next: string | null;
}

export const apps = job(
  adminCommand("apps", "Lists the apps that have replicas."),
  async (_args, options, { signal, paint, print }) => {
    const reach = reachOf(options, signal);
    const token = adminTokenOf(options);
    const apps: App[] = [];
    let after: string | null = "";
    for (let page = 1; after !== null; page++) {
      if (page > LIMITS.pages) throw new Failed(`there are more than ${apps.length} apps`, { type: "too_many" });
      const answer: Page = await ask<Page>(reach, `/-/apps?after=${encodeURIComponent(after)}`, "apps", { token });
      apps.push(...answer.apps);
      after = answer.next;
    }
    if (options.json === true) print(JSON.stringify({ apps }));
    else if (apps.length === 0) print("No app has replicas.");
    else print(table(apps, COLUMNS, paint));
    return true;
  },
);

const COLUMNS = [
  { head: "app", cell: ({ app }: App) => app },
  { head: "since", cell: (its: App) => new Date(its.since_ms).toISOString().replace(/\.\d+Z$/, "Z") },
];
