// The workers that are measured beside each other: the floor, the router of this checkout, and routers of other checkouts. All run on workerd with the
// same kind of configuration, each a process of its own.
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import * as ownBundle from "../../scripts/bundle.ts";
import * as ownProcess from "../../scripts/router-process.ts";
import { BadInput } from "../command.ts";

export interface Kind {
  readonly name: string;
  readonly isFloor: boolean;
  readonly start: (
    folder: string,
    its: { readonly origin: string; readonly settings: Settings },
  ) => Promise<ownProcess.RouterProcess>;
}

type Settings = Readonly<Record<string, string>>;

export const FLOOR = "floor";
export const ROUTER = "router";

/** As little as a Worker can do and still do the same for a client, or for a replica that reports. */
const floorOf = (origin: string) => `import { DurableObject } from "cloudflare:workers";
export class Fleet extends DurableObject { take() {} }
export class Directory extends DurableObject {}
export default {
  async fetch(request, env) {
    const { pathname, search } = new URL(request.url);
    if (pathname !== "/-/heartbeat") return fetch(new Request(${JSON.stringify(origin)} + pathname + search, request));
    await env.FLEET.get(env.FLEET.idFromName("bench")).take(await request.text());
    return new Response('{"time_to_live_ms":15000,"next_heartbeat_ms":5000}');
  },
};
`;

const floor: Kind = {
  ...{ name: FLOOR, isFloor: true },
  start(folder, { origin }) {
    const stateFolder = path.join(folder, FLOOR);
    mkdirSync(stateFolder, { recursive: true });
    const file = path.join(stateFolder, "floor.js");
    writeFileSync(file, floorOf(origin));
    return ownProcess.startRouter({ port: 0, stateFolder, settings: {}, bundle: file });
  },
};

/** Builds what is not built. */
export async function kindsOf(others: readonly string[]): Promise<readonly Kind[]> {
  ownBundle.bundle();
  const kinds = [floor, routerKind(ROUTER, ownProcess)];
  for (const given of others) {
    const folder = path.resolve(given);
    const missing = ["scripts/router-process.ts", "node_modules"].find((name) => !existsSync(path.join(folder, name)));
    if (missing !== undefined) throw new BadInput(`--router: ${given} has no ${missing}`);
    const of = (script: string) => import(pathToFileURL(path.join(folder, "scripts", script)).href) as Promise<unknown>;
    const its = (await of("bundle.ts")) as typeof ownBundle;
    its.bundle();
    const known = kinds.map(({ name }) => name);
    const base = path.basename(folder);
    const name = known.includes(base) ? `${base} ${kinds.length}` : base;
    kinds.push(routerKind(name, (await of("router-process.ts")) as typeof ownProcess));
  }
  return kinds;
}

function routerKind(name: string, { startRouter }: typeof ownProcess): Kind {
  const start: Kind["start"] = (folder, { settings }) => startRouter({ port: 0, stateFolder: path.join(folder, name), settings });
  return { name, isFloor: false, start };
}
