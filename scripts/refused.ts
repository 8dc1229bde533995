// What a router refuses for want of settings. It is meant to start without them: a router that admits nobody is safe, but silence about it
// looks like a fault.
import type { Settings } from "../src/settings/settings.ts";

/** One line for each setting that is missing. Shows nothing of those that are there. */
export function refusedWithout({ HEARTBEAT_TOKENS, ADMIN_TOKEN, ORIGIN_ALLOW, ALLOW_PRIVATE_ORIGINS }: Settings): string[] {
  const lines: string[] = [];
  if (HEARTBEAT_TOKENS.size === 0) lines.push("HEARTBEAT_TOKENS is not set: every heartbeat is refused with 401");
  if (ADMIN_TOKEN === null) lines.push("ADMIN_TOKEN is not set: every request to /-/apps is refused with 401");
  if (ORIGIN_ALLOW.length === 0 && !ALLOW_PRIVATE_ORIGINS) {
    lines.push("ORIGIN_ALLOW is not set, nor ALLOW_PRIVATE_ORIGINS: every heartbeat is refused with 422, whatever its origin");
  }
  return lines;
}
