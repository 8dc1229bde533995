// `warmpath/replica`: makes a server on Node, Bun or Deno a replica of a Warmpath router's fleet. README.md beside this file says how.
import { FleetMember } from "./member.ts";
import { checkOptions, type FleetOptions } from "./options.ts";

export { fetchHandler, type FetchHandler } from "./fetch-handler.ts";
export type { DrainOptions, FleetMember } from "./member.ts";
export { nodeHandler, type NodeHandler } from "./node-handler.ts";
export { FleetOptionError, type Advice, type FleetOptions, type HintsOption } from "./options.ts";
export { endWithProcess, type EndOptions } from "./process.ts";
export { isFromRouter, type SignedRequest } from "./signature.ts";

/** Joins the fleet: heartbeats begin at once and go on until `stop()`. Throws a FleetOptionError for a bad option, and nothing later. */
export function joinFleet(options: FleetOptions): FleetMember {
  checkOptions(options);
  return new FleetMember(options);
}
