// The way from a Worker to an app's Fleet object.
import type { Fleet } from "../../durable-objects/fleet.ts";
import type { Exchange } from "./exchange.ts";
import type { Settings } from "../settings/settings.ts";

/** A new stub each time, because a stub is of no use after an exception. The location hint counts only when the object is created. */
export function fleetOf(env: Cloudflare.Env, settings: Settings, app: string): DurableObjectStub<Fleet> {
  const location = settings.FLEET_LOCATION;
  return location === null ? env.FLEET.getByName(app) : env.FLEET.getByName(app, { locationHint: location });
}

/** The object of a request's app. */
export function objectOf({ env, settings, client }: Exchange): DurableObjectStub<Fleet> {
  return fleetOf(env, settings, client.app);
}

/** Whether the object has too much to do. To ask it again at once would make that worse. */
export function isOverloaded(error: unknown): boolean {
  return error instanceof Error && "overloaded" in error && error.overloaded === true;
}
