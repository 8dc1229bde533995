// Whether what is installed is what package-lock.json names.
import { readFileSync } from "node:fs";
import path from "node:path";
import { PROJECT } from "../../scripts/bundle.ts";
import { unchecked, well, wrong, type Finding } from "./finding.ts";

interface Package {
  readonly version: string;
}

const TODO = "run npm ci in the checkout, and start commands with npm run or npx warmpath";

/** `running`: the version of the Node that runs this. */
export function versionFindings(project: string = PROJECT, running: string = process.versions.node): Finding[] {
  const jsonIn = (...names: readonly string[]): unknown => JSON.parse(readFileSync(path.join(project, ...names), "utf8"));
  const { packages } = jsonIn("package-lock.json") as { packages: Readonly<Record<string, Package>> };
  const locked = (name: string) => packages[`node_modules/${name}`]?.version ?? "none";
  const installed = (name: string) => {
    try {
      return (jsonIn("node_modules", name, "package.json") as Package).version;
    } catch {
      return "missing";
    }
  };
  return [
    well("package", `warmpath ${(jsonIn("package.json") as Package).version}`),
    compared("node", running, locked("node")),
    compared("wrangler", installed("wrangler"), locked("wrangler")),
    compared("workerd", installed("workerd"), locked("workerd")),
  ];
}

function compared(name: string, found: string, locked: string): Finding {
  if (locked === "none") return unchecked(name, `${found}; package-lock.json does not name it`);
  return found === locked ? well(name, found) : wrong(name, `${found}, while package-lock.json names ${locked}`, TODO);
}
