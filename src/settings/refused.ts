// What a router refuses for want of settings. It is meant to start without them: a router that admits nobody is safe, but silence about it
// looks like a fault.
import type { Settings } from "./settings.ts";

/** By setting: what a router without it refuses. */
export const REFUSED_WITHOUT = {
  HEARTBEAT_TOKENS: "HEARTBEAT_TOKENS is not set: every heartbeat is refused with 401",
  ADMIN_TOKEN: "ADMIN_TOKEN is not set: every request to /-/apps is refused with 401",
  ORIGIN_ALLOW: "ORIGIN_ALLOW is not set, nor ALLOW_PRIVATE_ORIGINS: every heartbeat is refused with 422, whatever its origin",
} as const;

/** The settings that are missing, without which something is refused. */
export function missingSettings({ HEARTBEAT_TOKENS, ADMIN_TOKEN, ORIGIN_ALLOW, ALLOW_PRIVATE_ORIGINS }: Settings) {
  const missing: (keyof typeof REFUSED_WITHOUT)[] = [];
  if (HEARTBEAT_TOKENS.size === 0) missing.push("HEARTBEAT_TOKENS");
  if (ADMIN_TOKEN === null) missing.push("ADMIN_TOKEN");
  if (ORIGIN_ALLOW.length === 0 && ALLOW_PRIVATE_ORIGINS !== true) missing.push("ORIGIN_ALLOW");
  return missing;
}
