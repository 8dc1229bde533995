/**
 * Anything that a command can find out: --hints-command is run by `sh -c`, and prints the names, one a line, or as a JSON list. An exit status other than 0 means
 * that the server takes no requests now.
 */
import { spawn } from "node:child_process";
import { ServerFault, shortened } from "../fault.ts";
import { LIMITS } from "../limits.ts";
import type { Adapter } from "./adapter.ts";

export function hintsCommand(command: string, timeoutMs: number): Adapter {
  return {
    title: "the server of --hints-command",
    url: null,
    isApart: true,
    concurrency: LIMITS.concurrency,
    pollMs: LIMITS.slowPollMs,
    async look() {
      const names = namesIn(await outputOf(command, timeoutMs));
      return { models: [...new Set(names)].slice(0, LIMITS.models).map((name) => [name]), slots: null, concurrency: null };
    },
    load: async () => null,
  };
}

function namesIn(output: string): readonly string[] {
  if (!output.trimStart().startsWith("["))
    return output
      .split("\n")
      .map((line) => line.trim())
      .filter((line) => line !== "");
  try {
    const list: unknown = JSON.parse(output);
    if (Array.isArray(list) && list.every((its) => typeof its === "string")) return list;
  } catch {
    // It is told below.
  }
  throw new ServerFault("garbage", `the command printed no JSON list of texts: ${shortened(output, LIMITS.shownText)}`);
}

/** The command has a group of its own, so that what it started ends with it. */
function outputOf(command: string, timeoutMs: number): Promise<string> {
  const child = spawn("sh", ["-c", command], { stdio: ["ignore", "pipe", "pipe"], detached: true });
  const end = () => {
    if (child.pid === undefined || child.exitCode !== null) return;
    try {
      process.kill(-child.pid, "SIGKILL");
    } catch {
      child.kill("SIGKILL");
    }
  };
  let [output, errors, isLong, isLate] = ["", "", false, false];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
    if (output.length <= LIMITS.commandBytes) return;
    isLong = true;
    end();
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errors = (errors + text).slice(-LIMITS.shownText)));
  const timer = setTimeout(() => {
    isLate = true;
    end();
  }, timeoutMs);
  return new Promise<string>((resolve, reject) => {
    child.once("error", (error) => reject(new ServerFault("garbage", `the command can't be run: ${error.message}`)));
    child.once("close", (status) => {
      if (isLate) reject(new ServerFault("slow", "the command took too long"));
      else if (isLong) reject(new ServerFault("garbage", `the command printed more than ${LIMITS.commandBytes} characters`));
      else if (status === 0) resolve(output);
      else
        reject(new ServerFault("down", `the command ended with ${status ?? "a signal"}: ${shortened(errors, LIMITS.shownText)}`));
    });
  }).finally(() => clearTimeout(timer));
}
