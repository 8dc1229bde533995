// Whether a replica's origin is reached from here, and whether the settings of this machine admit it for the app.
import { originFault } from "../../src/settings/origin-policy.ts";
import { parseHeartbeat } from "../../src/wire/heartbeat.ts";
import { send, type Reach } from "../client.ts";
import type { Config } from "../config.ts";
import { Failed } from "../failure.ts";
import { duration } from "../text.ts";
import { unchecked, well, wrong, type Finding } from "./finding.ts";

export async function originFindings(reach: Reach, origin: string, app: string, config: Config): Promise<Finding[]> {
  const read = parseHeartbeat({ app, replica: "doctor", origin });
  if (!read.ok) {
    const finding = wrong("origin", `${read.field} ${read.detail}`, `correct --${read.field}`);
    return [finding, unchecked("origin's settings", "the origin is none")];
  }
  const its = read.value.origin;
  return [await reachedFinding({ ...reach, origin: its }, config), policyFinding(its, app, reach.origin, config)];
}

/** As the router asks a replica whether it is there. Any answer will do. */
async function reachedFinding(reach: Reach, { parsed }: Config): Promise<Finding> {
  try {
    const { status, tookMs } = await send(reach, "/", { method: "OPTIONS" });
    return well("origin", `${reach.origin} answers OPTIONS / with ${status} in ${duration(tookMs)}`);
  } catch (error) {
    if (!(error instanceof Failed)) throw error;
    // The router may be in the replica's network, or have a way there, where this machine has none.
    if (parsed?.ALLOW_PRIVATE_ORIGINS === "listed") return unchecked("origin", `${error.message}, from here`);
    return wrong("origin", error.message, "start the replica, or open the way there: name, port, certificate, firewall");
  }
}

function policyFinding(origin: string, app: string, router: string, { parsed, wrong: faults }: Config): Finding {
  const check = "origin's settings";
  if (parsed === null) {
    const names = [...new Set(faults.map(({ setting }) => setting))].join(", ");
    return wrong(check, `the settings of this machine are bad: ${names}`, "see warmpath check-config");
  }
  const fault = originFault(origin, app, `${router}/-/heartbeat`, parsed);
  if (fault === null) return well(check, `are those of this machine: they admit the origin for ${app}`);
  return wrong(check, `the origin ${fault}`, "change ORIGIN_ALLOW, or --from, --file and --set if the router has other settings");
}
