// The origin behind both workers: nginx if it is on the PATH, else a server on Node.js.
import { randomInt } from "node:crypto";
import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { onPath, startChild, startProgram } from "./child.ts";

export interface Origin extends AsyncDisposable {
  readonly name: string;
  readonly url: string;
}

export const LARGE_BYTES = 1_000_000;
const ANSWER = '{"ok":true}';
/** Below the ports that the system gives to outgoing connections. */
const PORTS = { first: 20_000, count: 12_000 } as const;
const START_ATTEMPTS = 5;
const LISTENS_WITHIN = { checks: 100, everyMs: 20 } as const;

export async function startOrigin(folder: string, signal: AbortSignal): Promise<Origin> {
  if (onPath("nginx")) return startNginx(folder, signal);
  const child = await startChild<number>("origin", { largeBytes: LARGE_BYTES, answer: ANSWER }, signal);
  return {
    name: "Node.js",
    url: `http://127.0.0.1:${child.answer}`,
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  };
}

async function startNginx(folder: string, signal: AbortSignal): Promise<Origin> {
  writeFileSync(path.join(folder, "large"), Buffer.alloc(LARGE_BYTES));
  for (let attempt = 1; attempt <= START_ATTEMPTS; attempt++) {
    const port = PORTS.first + randomInt(PORTS.count);
    const file = path.join(folder, "nginx.conf");
    writeFileSync(file, configOf(folder, port));
    const nginx = startProgram("nginx", ["-e", "stderr", "-p", folder, "-c", file]);
    if (await listens(port, signal)) return { name: "nginx", url: `http://127.0.0.1:${port}`, ...disposal(nginx) };
    await nginx[Symbol.asyncDispose]();
    signal.throwIfAborted();
  }
  throw new Error("nginx did not start");
}

function disposal(its: AsyncDisposable): AsyncDisposable {
  return { [Symbol.asyncDispose]: () => its[Symbol.asyncDispose]() };
}

/** One process, nothing written. */
function configOf(folder: string, port: number): string {
  return `daemon off;
master_process off;
pid ${folder}/nginx.pid;
error_log stderr crit;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path ${folder}/bodies;
  default_type application/json;
  sendfile on;
  tcp_nopush on;
  keepalive_timeout 3600;
  keepalive_requests 1000000000;
  server {
    listen 127.0.0.1:${port};
    root ${folder};
    location / { return 200 '${ANSWER}'; }
    location = /large { }
  }
}
`;
}

async function listens(port: number, signal: AbortSignal): Promise<boolean> {
  for (let check = 0; check < LISTENS_WITHIN.checks && !signal.aborted; check++) {
    const isThere = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1", () => resolve(true)).on("error", () => resolve(false));
      socket.on("connect", () => socket.destroy());
    });
    if (isThere) return true;
    await sleep(LISTENS_WITHIN.everyMs);
  }
  return false;
}
