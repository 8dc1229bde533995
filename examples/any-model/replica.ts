// A replica that can run any model but holds three at once: `node replica.ts`. Here its parts are put together, started, stopped.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { hostname } from "node:os";
import { parseArgs } from "node:util";
// In a project of its own: from "warmpath/replica".
import { endWithProcess, FleetOptionError, joinFleet, nodeHandler, type FleetOptions } from "../../replica/node/index.ts";
import { loadModel, ModelCache, SIMULATED_DRAW_MS, SIMULATED_LOAD_MS } from "./models.ts";
import { imageHandler } from "./server.ts";

const APP = "any-model";
const MODELS_AT_ONCE = 3;
/** A GPU draws one image at a time. */
const CONCURRENCY = 1;
/** Requests that are running when the replica is stopped get this long to finish. */
const FINISH_MS = 30_000;
/** Longer than the router keeps an idle connection, or requests would now and then meet a connection that is just closing. */
const KEEP_ALIVE_MS = 120_000;

const LOAD_S = SIMULATED_LOAD_MS / 1000;
const DRAW_S = SIMULATED_DRAW_MS / 1000;

const USAGE = `Usage: HEARTBEAT_TOKEN=... node replica.ts [options]

A replica of the app ${APP}: POST / with {"model": "...", "prompt": "..."} answers an SVG image.
It keeps the ${MODELS_AT_ONCE} models used last. They are simulated: to load one takes ${LOAD_S} s, to draw ${DRAW_S} s.

  --port              port to listen on; 0: any              (PORT, 8000)
  --host              address to listen on                   (HOST, 127.0.0.1)
  --origin            URL at which the router reaches this   (ORIGIN, http://HOST:PORT)
  --id                name of this replica in its app        (REPLICA_ID, the machine's name)
  --router            URL of the router                      (ROUTER_URL, http://127.0.0.1:8787)
  --no-router         serve without a router: no heartbeats, no token
  --exit-with-stdin   end when standard input ends: no starter, no replica
  --help              this text

HEARTBEAT_TOKEN is read from the environment only: arguments can be seen by everyone on the machine.`;

const values = optionsOf();
if (values.help) {
  console.log(USAGE);
  process.exit(0);
}
const port = Number(values.port);
if (!/^\d+$/.test(values.port) || port > 65_535) misused(`--port must be 0 to 65535, not ${values.port}`);
if (!URL.canParse(values.router)) misused(`--router must be a URL, not ${values.router}`);
const token = process.env["HEARTBEAT_TOKEN"] ?? "";
if (token === "" && !values["no-router"]) misused("HEARTBEAT_TOKEN is not set");
if (values["exit-with-stdin"]) process.stdin.on("close", () => process.exit(0)).resume();

const models = new ModelCache(MODELS_AT_ONCE, (name) => {
  console.log(`loading ${name} (simulated)`);
  return loadModel(name);
});
const log = (line: string) => console.error(line);
const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS });
server.once("error", (error) => fail(error.message));
server.listen(port, values.host);
await once(server, "listening");
const own = `http://${values.host}:${(server.address() as AddressInfo).port}`;

let isEnding = false;
const { handle } = imageHandler(models, CONCURRENCY, () => isEnding, log);
/** The router is told first, so that nothing new comes. Then what is running may finish. */
const endServer = () => {
  isEnding = true;
  server.close();
};
if (values["no-router"]) {
  server.on("request", handle);
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, endServer);
} else {
  const member = join({
    router: values.router,
    token,
    app: APP,
    replica: values.id,
    origin: values.origin || own,
    concurrency: CONCURRENCY,
    hintSlots: MODELS_AT_ONCE,
    hints: () => models.loaded(),
    onAdvice: ({ load, evict }) => models.preload(load, evict),
    log,
  });
  server.on("request", nodeHandler(member, handle));
  endWithProcess(member, { drainMs: FINISH_MS, onDrained: endServer });
}
console.log(`ready ${own}`);

function join(options: FleetOptions) {
  try {
    return joinFleet(options);
  } catch (error) {
    if (error instanceof FleetOptionError) misused(error.message);
    throw error;
  }
}

function fail(message: string): never {
  console.error(`replica: ${message}`);
  process.exit(1);
}

/** Bad usage is one line and status 2. */
function misused(message: string): never {
  console.error(`error: ${message}`);
  process.exit(2);
}

function optionsOf() {
  try {
    const { values } = parseArgs({
      options: {
        port: { type: "string", default: process.env["PORT"] ?? "8000" },
        host: { type: "string", default: process.env["HOST"] ?? "127.0.0.1" },
        origin: { type: "string", default: process.env["ORIGIN"] ?? "" },
        id: { type: "string", default: process.env["REPLICA_ID"] ?? hostname() },
        router: { type: "string", default: process.env["ROUTER_URL"] ?? "http://127.0.0.1:8787" },
        "no-router": { type: "boolean", default: false },
        "exit-with-stdin": { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    });
    return values;
  } catch (error) {
    // Node's text goes on with advice.
    const [said = ""] = (error instanceof Error ? error.message : String(error)).split(/\. |\n/, 1);
    misused(said.charAt(0).toLowerCase() + said.slice(1));
  }
}
