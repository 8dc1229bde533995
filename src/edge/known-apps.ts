// Which apps exist, as each isolate remembers for a while. A request for a made-up name starts no Fleet object and stores nothing.
import type { Directory } from "../../durable-objects/directory.ts";
import type { RouterError } from "../router-error.ts";
import { BOUNDS } from "../limits.ts";
import { DIRECTORY_NAME } from "../settings/directory-name.ts";
import { LruMap } from "./lru.ts";
import { clientKey, rateFault } from "./rate-limits.ts";
import { hasSnapshot } from "./snapshots.ts";
import { Alarm, TOO_LATE } from "./alarm.ts";
import type { Exchange } from "./exchange.ts";

/** Names of apps alone. Names that the Directory denies are not kept, however many are asked for. */
const known = new LruMap<{ readonly untilMs: number; askedAtMs: number }>(BOUNDS.knownApps);

/** Names that are new to this isolate and passed while the Directory could not be asked, since `sinceMs`. */
const unchecked = { sinceMs: 0, names: new Set<string>() };

/** Why a client's request for the app is refused; null: the app exists. Only a name that was never an app here counts against the rate limit. */
export async function unknownAppFault({
  request,
  env,
  ctx,
  client,
  arrivedAtMs: now,
  alarm,
}: Exchange): Promise<RouterError | null> {
  const { app, timeoutMs } = client;
  if (isKnown(env, ctx, app, now)) return null;
  if (known.get(app) === undefined) {
    const tooMany = "Too many requests for apps that are not known here.";
    const fault = await rateFault(env, "UNKNOWN_APP_LIMIT", clientKey(request), tooMany);
    if (fault !== null) return fault;
  }
  const exists = await appExists(env, app, now, alarm, timeoutMs);
  if (exists === false)
    return { type: "app_not_found", detail: `No replica of the app ${app} was heard of in the last 24 hours.` };
  return exists === true || mayExist(app, now) ? null : { type: "runner_scheduling_failure", retryAfterMs: 1000 };
}

/**
 * Whether this isolate knows the app, if only of before: then the request does not wait for the Directory, which one request asks again. A Directory that
 * denies the app ends that.
 */
function isKnown(env: Cloudflare.Env, ctx: ExecutionContext, app: string, now: number): boolean {
  const its = known.get(app);
  if (its === undefined) return false;
  if (its.untilMs <= now && its.askedAtMs + BOUNDS.directoryMs <= now) {
    its.askedAtMs = now;
    ctx.waitUntil(appExists(env, app, now));
  }
  return true;
}

/** Whether the app exists; null: the Directory can't be asked, or takes longer than `withinMs` or `BOUNDS.directoryMs`. */
export async function appExists(
  env: Cloudflare.Env,
  app: string,
  now: number,
  alarm = new Alarm(),
  withinMs = Infinity,
): Promise<boolean | null> {
  if ((known.get(app)?.untilMs ?? 0) > now) return true;
  const directory: DurableObjectStub<Directory> = env.DIRECTORY.getByName(DIRECTORY_NAME);
  try {
    const knows = await alarm.within(Promise.resolve(directory.knows(app)), Math.min(withinMs, BOUNDS.directoryMs));
    if (knows === TOO_LATE) throw new Error("it did not answer in time");
    if (knows) {
      rememberApp(app, now);
      return true;
    }
    known.delete(app);
    return false;
  } catch (error) {
    console.error(JSON.stringify({ message: "the Directory could not be asked", app, error: String(error) }));
    return null;
  }
}

/** A heartbeat for the app was accepted. */
export function rememberApp(app: string, now: number): void {
  known.set(app, { untilMs: now + BOUNDS.knownAppMs, askedAtMs: -Infinity });
}

/**
 * Whether a request may go on although the Directory can't say that its app exists. It may if this isolate knows the app of before. Of other names a
 * few may: an app that is new to this isolate had better be served. A flood of made-up names may not.
 */
function mayExist(app: string, now: number): boolean {
  if (known.get(app) !== undefined || hasSnapshot(app)) return true;
  if (now - unchecked.sinceMs >= BOUNDS.uncheckedAppsMs) {
    unchecked.sinceMs = now;
    unchecked.names.clear();
  }
  if (!unchecked.names.has(app) && unchecked.names.size >= BOUNDS.uncheckedApps) return false;
  unchecked.names.add(app);
  return true;
}
