// Which apps exist, remembered a while by each isolate, so that a request for a made-up name starts no Fleet object and stores nothing.
import type { Directory } from "../../durable-objects/directory.ts";
import type { RouterError } from "../problem.ts";
import { LIMITS } from "../routing/limits.ts";
import { DIRECTORY_NAME } from "../settings/directory-name.ts";
import { LruMap } from "./lru.ts";
import { clientKey, rateFault } from "./rate-limits.ts";

/** Names of apps only: those that the Directory denies are not kept, however many are asked for. */
const known = new LruMap<{ readonly untilMs: number }>(LIMITS.knownApps);

/** Why a client's request for the app is refused; null where the app exists. Only a name that was never an app here counts as unknown. */
export async function unknownAppFault(
  request: Request,
  env: Cloudflare.Env,
  app: string,
  now: number,
): Promise<RouterError | null> {
  if (known.get(app) === undefined) {
    const tooMany = "Too many requests for apps that are not known here.";
    const fault = await rateFault(env, "UNKNOWN_APP_LIMIT", clientKey(request), tooMany);
    if (fault !== null) return fault;
  }
  if (await appExists(env, app, now)) return null;
  return { type: "app_not_found", detail: `No replica of the app ${app} was heard of in the last 24 hours.` };
}

/** The Directory can't be asked: rather than refuse everybody, the app is taken to exist. */
export async function appExists(env: Cloudflare.Env, app: string, now: number): Promise<boolean> {
  if ((known.get(app)?.untilMs ?? 0) > now) return true;
  const directory: DurableObjectStub<Directory> = env.DIRECTORY.getByName(DIRECTORY_NAME);
  try {
    if (!(await directory.knows(app))) {
      known.delete(app);
      return false;
    }
    rememberApp(app, now);
  } catch (error) {
    console.error(JSON.stringify({ message: "the Directory could not be asked", app, error: String(error) }));
  }
  return true;
}

/** A heartbeat for the app was accepted. */
export function rememberApp(app: string, now: number): void {
  known.set(app, { untilMs: now + LIMITS.knownAppMs });
}
