// nginx before the replicas, with a configuration of its own in a folder of its own. One process, which ends when this one does.
import { randomInt } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startProgram } from "../../../bench/http/child.ts";
import type { Report } from "../answers.ts";

export interface Nginx extends AsyncDisposable {
  readonly url: string;
  readonly pid: number | null;
}

/** Below the ports that the system gives to outgoing connections. */
const PORTS = { first: 20_000, count: 12_000 } as const;
const START_ATTEMPTS = 5;
const LISTENS_WITHIN = { checks: 100, everyMs: 20 } as const;

/** `method`: nginx's directive that says how a replica is chosen; empty: in turn. */
export async function startNginx(method: string, origins: readonly string[], signal: AbortSignal): Promise<Nginx> {
  const folder = mkdtempSync(path.join(tmpdir(), "warmpath-ocr-nginx-"));
  await using started = new AsyncDisposableStack();
  started.defer(() => rmSync(folder, { recursive: true, force: true }));
  const file = path.join(folder, "nginx.conf");
  const pidFile = path.join(folder, "nginx.pid");
  for (let attempt = 1; attempt <= START_ATTEMPTS; attempt++) {
    const port = PORTS.first + randomInt(PORTS.count);
    writeFileSync(file, configOf(folder, port, method, origins));
    const nginx = startProgram("nginx", ["-e", "stderr", "-p", folder, "-c", file]);
    const url = `http://127.0.0.1:${port}/`;
    if (await passesOn(url, signal)) {
      started.use(nginx);
      const its = started.move();
      return { url, pid: Number(readFileSync(pidFile, "utf8")), [Symbol.asyncDispose]: () => its.disposeAsync() };
    }
    await nginx[Symbol.asyncDispose]();
    signal.throwIfAborted();
  }
  throw new Error("nginx did not start");
}

/** Whether a replica answers through it in time. */
async function passesOn(url: string, signal: AbortSignal): Promise<boolean> {
  for (let check = 0; check < LISTENS_WITHIN.checks && !signal.aborted; check++) {
    const answer = await fetch(url, { signal }).catch(() => null);
    if (answer?.ok === true) return typeof ((await answer.json()) as Partial<Report>).replica === "string";
    await sleep(LISTENS_WITHIN.everyMs);
  }
  return false;
}

/** Connections to replicas are kept and pages are not written to disk; all else is as nginx does it by itself. */
function configOf(folder: string, port: number, method: string, origins: readonly string[]): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((its) => `  ${its}_temp_path ${folder}/${its};`);
  return `daemon off;
master_process off;
pid ${folder}/nginx.pid;
error_log stderr crit;
events { worker_connections 1024; }
http {
  access_log off;
${temporary.join("\n")}
  client_max_body_size 4m;
  client_body_buffer_size 4m;
  upstream replicas {
    ${method}
    ${origins.map((origin) => `server ${new URL(origin).host};`).join("\n    ")}
    keepalive 16;
  }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://replicas;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }
  }
}
`;
}
