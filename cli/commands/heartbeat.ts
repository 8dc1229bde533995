// `warmpath heartbeat`: one heartbeat as its options say, and what the router answers. The router checks the fields, as it does a replica's.
import type { HeartbeatReply } from "../../src/wire/heartbeat.ts";
import { refusalOf, reachOf, send } from "../client.ts";
import { anyNumber, heartbeatToken, heartbeatTokenOf, job, routerCommand } from "../command.ts";
import { Failed } from "../failure.ts";
import { duration, printable } from "../text.ts";

const TOKEN_OPTION = "--heartbeat-token or WARMPATH_HEARTBEAT_TOKEN";

export const heartbeat = job(
  routerCommand("heartbeat", "Sends one heartbeat and prints the answer.")
    .addOption(heartbeatToken())
    .requiredOption("--app <name>", "the app's name")
    .requiredOption("--replica <id>", "the replica's id")
    .requiredOption("--origin <url>", "where the router reaches it")
    .option("--incarnation <number>", "number of the replica's process", anyNumber)
    .option("--sequence <number>", "number of the report in its incarnation", anyNumber)
    .option("--hints <hints>", "what it holds warm, with commas; empty: nothing yet (default: no specialty)")
    .option("--hint-slots <number>", "hints that it can hold at once", anyNumber)
    .option("--concurrency <number>", "requests that it takes at once", anyNumber)
    .option("--in-flight <number>", "requests that it is serving", anyNumber)
    .option("--status <status>", "starting, ready, draining or stopped"),
  async (_args, options, { signal, print }) => {
    const reach = reachOf(options, signal);
    const token = heartbeatTokenOf(options);
    const { app, replica, origin, incarnation, sequence, hints, hintSlots, concurrency, inFlight, status } = options;
    const beat = {
      ...{ app, replica, origin, incarnation, sequence, hints: hints?.split(",") },
      ...{ hint_slots: hintSlots, concurrency, in_flight: inFlight, status },
    };
    const reply = await send(reach, "/-/heartbeat", { method: "POST", token, body: JSON.stringify(beat) });
    if (reply.status !== 200 || typeof reply.json?.["time_to_live_ms"] !== "number")
      throw naming(refusalOf(reach, reply, TOKEN_OPTION));
    const answer = reply.json as unknown as HeartbeatReply;
    print(options.json === true ? JSON.stringify(answer) : inWords(answer));
    return true;
  },
);

function inWords({
  time_to_live_ms: live,
  next_heartbeat_ms: next,
  load = [],
  evict = [],
  warnings = [],
}: HeartbeatReply): string {
  const accepted = `Accepted: the next one is due in ${duration(next)}, and without it the replica is gone after ${duration(live)}.`;
  const instead = evict.length === 0 ? "" : ` in the place of ${evict.join(", ")}`;
  const advice = load.length === 0 ? [] : [printable(`advice: load ${load.join(", ")}${instead}`)];
  return [accepted, ...advice, ...warnings.map((warning) => printable(`warning: ${warning}`))].join("\n");
}

/** A field's fault, with the option that gave the field. */
function naming(refusal: Failed): Failed {
  const { field } = refusal.facts;
  if (typeof field !== "string") return refusal;
  const name = field.split(".")[0] ?? field;
  const option = `--${name.replaceAll("_", "-")}`;
  return new Failed(`${refusal.message}: field ${printable(field)}, option ${printable(option)}`, {
    type: "invalid_heartbeat",
    ...refusal.facts,
    option,
  });
}
