// Makes every Fleet object of a router that is not running fail as soon as it is asked: its file is no database.
import { globSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";

export function spoilFleets(stateFolder: string): void {
  const folder = path.join(stateFolder, "objects", "warmpath-fleet");
  for (const file of globSync("*", { cwd: folder })) {
    if (/^[0-9a-f]{64}\.sqlite$/.test(file)) writeFileSync(path.join(folder, file), "no database ".repeat(1000));
    else if (/^[0-9a-f]{64}/.test(file)) rmSync(path.join(folder, file));
  }
}
