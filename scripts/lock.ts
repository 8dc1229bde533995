// One process a folder: a file in it names the process that has it. A crash leaves the file behind, so what counts is whether that process
// still runs.
import { execFileSync } from "node:child_process";
import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";

const ATTEMPTS = 3;

/**
 * Takes the folder for this process until it ends; null. Else the id of the process that has it. Two that find a dead one's lock at the very
 * same moment can both take it.
 */
export function lockFolder(folder: string): number | null {
  const file = path.join(folder, "lock");
  mkdirSync(folder, { recursive: true });
  for (let attempt = 1; ; attempt++) {
    try {
      create(file, `${process.pid}\n${commandOf(process.pid) ?? ""}`);
      process.on("exit", () => rmSync(file, { force: true }));
      return null;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST" || attempt === ATTEMPTS) throw error;
    }
    const holder = holderOf(file);
    if (holder !== null) return holder;
    rmSync(file, { force: true });
  }
}

/** Never seen half written. Throws EEXIST where there is one. */
function create(file: string, text: string): void {
  const whole = `${file}.${process.pid}`;
  writeFileSync(whole, text);
  try {
    linkSync(whole, file);
  } finally {
    rmSync(whole, { force: true });
  }
}

/** The process that the lock names; null where it has ended. After a restart of the machine another one, or this, can have its id. */
function holderOf(file: string): number | null {
  try {
    const [id = "", ...command] = readFileSync(file, "utf8").split("\n");
    const pid = Number(id);
    return pid !== process.pid && commandOf(pid) === command.join("\n") ? pid : null;
  } catch {
    return null;
  }
}

/** The command line of a running process; null: there is none. Where the system has neither `/proc` nor `ps`, nothing is known but that it runs. */
function commandOf(pid: number): string | null {
  if (existsSync("/proc/self/status")) return commandInProc(pid);
  try {
    return execFileSync("ps", ["-o", "args=", "-p", String(pid)], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT" && runs(pid) ? "" : null;
  }
}

/** Threads have numbers of their own there, which are no processes. */
function commandInProc(pid: number): string | null {
  try {
    if (!new RegExp(`^Tgid:\\s+${pid}$`, "m").test(readFileSync(`/proc/${pid}/status`, "utf8"))) return null;
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
  } catch {
    return null;
  }
}

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
