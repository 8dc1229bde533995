// A replica that reads pages in sixteen languages and holds three of them at once: `node replica.ts`. With ROUTER_URL it joins that router's fleet; without, it serves
// whoever comes, such as a load balancer.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { parseArgs } from "node:util";
// In a project of its own: from "warmpath/replica".
import { endWithProcess, FleetOptionError, joinFleet, nodeHandler } from "../../replica/node/index.ts";
import { Models } from "./models.ts";
import { ocrHandler } from "./server.ts";

const APP = "ocr";
/** Longer than a router or a balancer keeps an idle connection, or pages would now and then meet one that is just closing. */
const KEEP_ALIVE_MS = 120_000;

const USAGE = `Usage: node replica.ts [--id NAME] [--port PORT] [--slots LANGUAGES] [--exit-with-stdin]

POST /?language=deu with a PNG answers its text as JSON. GET / answers what is in memory.

  --id                name of this replica in the app ${APP} (ocr-1)
  --port              port of 127.0.0.1 to listen on; 0: any (8000)
  --slots             languages in memory at once (3)
  --exit-with-stdin   end when standard input ends: no starter, no replica

ROUTER_URL and HEARTBEAT_TOKEN, from the environment: the fleet that it joins. Without ROUTER_URL it joins none.`;

const { id, port, slots, ...flags } = optionsOf();
if (flags.help) {
  console.log(USAGE);
  process.exit(0);
}
if (!/^\d+$/.test(port) || Number(port) > 65_535) misused(`--port must be 0 to 65535, not ${port}`);
if (!/^[1-9]\d?$/.test(slots)) misused(`--slots must be 1 to 99, not ${slots}`);
if (flags["exit-with-stdin"]) process.stdin.on("close", () => process.exit(0)).resume();

const models = new Models(Number(slots));
const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS });
server.once("error", (error) => fail(error.message));
server.listen(Number(port), "127.0.0.1");
await once(server, "listening");
const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
const read = ocrHandler(id, models, (line) => console.error(line));
const router = process.env["ROUTER_URL"] ?? "";
server.on("request", router === "" ? read : nodeHandler(joined(), read));
console.log(`ready ${origin}`);

function joined() {
  try {
    const member = joinFleet({
      ...{ router, token: process.env["HEARTBEAT_TOKEN"] ?? "", app: APP, replica: id, origin },
      ...{ concurrency: 1, hintSlots: models.slots, hints: () => models.held() },
    });
    endWithProcess(member, { onDrained: () => server.close() });
    return member;
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
        id: { type: "string", default: "ocr-1" },
        port: { type: "string", default: "8000" },
        slots: { type: "string", default: "3" },
        "exit-with-stdin": { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    });
    return values;
  } catch (error) {
    const [said = ""] = (error instanceof Error ? error.message : String(error)).split(/\. |\n/, 1);
    misused(said);
  }
}
