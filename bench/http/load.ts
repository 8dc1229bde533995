// Closed-loop load from a process of its own: wrk if it is on the PATH, else autocannon.
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { onPath, startChild } from "./child.ts";

export interface Load {
  readonly url: string;
  readonly method: "GET" | "POST";
  readonly headers: Readonly<Record<string, string>>;
  /** One after another, and again from the first. */
  readonly bodies: readonly string[];
  readonly connections: number;
  readonly seconds: number;
}

export interface Loaded {
  readonly requests: number;
  readonly tookS: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly failed: number;
}

export type LoadGenerator = (load: Load, folder: string, signal: AbortSignal) => Promise<Loaded>;

export function loadGenerator(): { readonly name: string; readonly run: LoadGenerator } {
  return onPath("wrk") ? { name: "wrk", run: runWrk } : { name: "autocannon", run: runAutocannon };
}

const runWrk: LoadGenerator = async (load, folder, signal) => {
  const script = path.join(folder, "load.lua");
  writeFileSync(script, scriptOf(load));
  const args = ["-t", "1", "-c", String(load.connections), "-d", `${load.seconds}s`, "--timeout", "30s", "-s", script, load.url];
  const { stdout, stderr } = await promisify(execFile)("wrk", args, { signal });
  const line = stdout.split("\n").find((its) => its.startsWith("{"));
  if (line === undefined) throw new Error(`wrk said nothing of its results:\n${stdout}${stderr}`);
  return JSON.parse(line) as Loaded;
};

/** For wrk. One of the lines that it prints is JSON. */
function scriptOf({ method, headers, bodies }: Load): string {
  const headerLines = Object.entries(headers).map(([name, value]) => `wrk.headers[ ${lua(name)} ] = ${lua(value)}`);
  const cycle = `local bodies = { ${bodies.map(lua).join(", ")} }
local requests = {}
local sent = 0
init = function()
  for index, body in ipairs(bodies) do requests[index] = wrk.format(nil, nil, nil, body) end
end
request = function()
  sent = sent + 1
  return requests[(sent - 1) % #requests + 1]
end`;
  return `wrk.method = ${lua(method)}
${headerLines.join("\n")}
${bodies.length > 1 ? cycle : bodies.map((body) => `wrk.body = ${lua(body)}`).join("")}
done = function(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format('{"requests":%d,"tookS":%.6f,"p50Ms":%.3f,"p99Ms":%.3f,"failed":%d}\\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, failed))
end
`;
}

function lua(text: string): string {
  return `[==[${text}]==]`;
}

const runAutocannon: LoadGenerator = async (load, _, signal) => {
  await using child = await startChild<Loaded>("autocannon", load, signal);
  return child.answer;
};
