// What is printed when the demo is up: what can be tried by hand, and how it ends.
import type { RunningRouter } from "./router.ts";

/** Sections with a blank line between them. What else there is to open or to try is a section here; a link to a page comes first. */
export function invitation({ appUrl, fleetUrl, adminToken }: RunningRouter, dashboard: string, quiet: boolean): string {
  const headers = `-H 'content-type: application/json' -H 'x-fal-runner-hint: sdxl'`;
  const body = `{"model":"sdxl","prompt":"a castle in the clouds"}`;
  const sections = [
    "Watch the fleet in a browser. This link signs in once, within ten minutes:",
    dashboard,
    "Try it. This saves an image and shows which replica made it and why:",
    `curl -sS -D - -o image.svg ${headers} -d '${body}' ${appUrl}`,
    "This shows the fleet:",
    `curl -sS -H 'authorization: Bearer ${adminToken}' ${fleetUrl}`,
    ...(quiet ? [] : [TRAFFIC]),
    "Ctrl-C stops everything.",
  ];
  return sections.join("\n\n");
}

const TRAFFIC = `From now on a light traffic goes to the fleet, with bursts in which a queue
forms. Now and then a replica drains or restarts, which is said here.
npm start -- --quiet leaves all that out.`;
