// Which apps exist, remembered a while by each isolate, so that a request for a made-up name starts no Fleet object and stores nothing.
import type { Directory } from "../../durable-objects/directory.ts";
import { LIMITS } from "../routing/limits.ts";
import { DIRECTORY_NAME } from "../settings/directory-name.ts";
import { LruMap } from "./lru.ts";

const known = new LruMap<{ readonly untilMs: number }>(LIMITS.knownApps);

/** The Directory can't be asked: rather than refuse everybody, the app is taken to exist. */
export async function appExists(env: Cloudflare.Env, app: string, now: number): Promise<boolean> {
  if ((known.get(app)?.untilMs ?? 0) > now) return true;
  const directory: DurableObjectStub<Directory> = env.DIRECTORY.getByName(DIRECTORY_NAME);
  try {
    if (!(await directory.knows(app))) return false;
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
