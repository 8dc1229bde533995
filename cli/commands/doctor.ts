// `warmpath doctor`: is the router reached, do the tokens work, are clocks and versions right, may this origin be registered. Changes nothing.
import { adminCommand, adminTokenOf, heartbeatToken, heartbeatTokenOf, job } from "../command.ts";
import { reachOf } from "../client.ts";
import { fileOption, fromOption, readConfig, setOption } from "../config.ts";
import { originFindings } from "../doctor/origin.ts";
import { routerFindings } from "../doctor/router.ts";
import { versionFindings } from "../doctor/versions.ts";
import { BadUsage } from "../failure.ts";
import { printable, type Paint } from "../text.ts";
import type { Finding } from "../doctor/finding.ts";

export const doctor = job(
  adminCommand("doctor", "Checks the router, the tokens, an origin, clocks and versions. Changes nothing.")
    .addOption(heartbeatToken())
    .option("--app <name>", "the app that the heartbeat token and the origin are for")
    .option("--origin <url>", "a replica's origin: is it reached from here, and do the settings admit it?")
    .addOption(fileOption())
    .addOption(fromOption())
    .addOption(setOption()),
  async (_args, options, { signal, paint, print }) => {
    const { app, origin } = options;
    if (origin !== undefined && app === undefined) throw new BadUsage("--origin needs --app");
    const reach = reachOf(options, signal);
    // Bad usage is told before anything is asked.
    const tokens = {
      app: app ?? null,
      adminToken: isGiven(options.adminToken) ? adminTokenOf(options) : null,
      heartbeatToken: isGiven(options.heartbeatToken) ? heartbeatTokenOf(options) : null,
    };
    const config = readConfig(options);
    const findings = [
      ...versionFindings(),
      ...(await routerFindings(reach, tokens)),
      ...(origin === undefined || app === undefined ? [] : await originFindings(reach, origin, app, config)),
    ];
    const ok = findings.every((finding) => finding.ok !== false);
    print(options.json === true ? JSON.stringify({ ok, findings }) : findings.map((its) => line(its, paint)).join("\n"));
    return ok;
  },
);

const isGiven = (token: string | undefined) => token !== undefined && token !== "";

function line({ check, ok, says, todo }: Finding, paint: Paint): string {
  const word = ok === null ? paint("dim", "-    ") : ok ? paint("green", "ok   ") : paint("red", "wrong");
  const first = `${word}  ${check}: ${printable(says)}`;
  return todo === null ? first : `${first}\n       ${paint("bold", "to do:")} ${printable(todo)}`;
}
