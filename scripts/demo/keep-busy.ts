// Makes the traffic happen, and says in a line each what happens to a replica. What goes wrong is said, and the rest goes on.
import { send } from "../../examples/any-model/sample.ts";
import { openLoop } from "./open-loop.ts";
import type { Replicas } from "./replicas.ts";
import type { RunningRouter } from "./router.ts";
import type { TrafficEvent } from "./traffic.ts";

/** A burst and more. While so many are open, as when all replicas are drained by hand, no more are sent. */
const OPEN_MAX = 64;

const SAYS = { drain: "drains: it gets nothing new", undrain: "gets requests again", restart: "restarts" } as const;

/** Returns when the events have ended, or at once when the signal aborts. */
export async function keepBusy(
  router: RunningRouter,
  replicas: Replicas,
  events: Iterable<TrafficEvent>,
  signal: AbortSignal,
): Promise<void> {
  let open = 0;
  let lastProblem = "";
  const happen = async (event: TrafficEvent) => {
    if (event.kind !== "request") {
      console.log(`${clock()}  ${event.replica} ${SAYS[event.kind]}`);
      return event.kind === "restart" ? replicas.restart(event.replica) : router.change(event.kind, event.replica);
    }
    if (open >= OPEN_MAX) throw new Error(`${open} requests are open, so no more are sent`);
    open++;
    const { status, reason } = await send(router.appUrl, event, signal).finally(() => open--);
    if (status !== 200) throw new Error(`a request for ${event.model} got ${status} ${reason ?? ""}`);
  };
  const say = (error: unknown) => {
    const problem = error instanceof Error ? error.message : String(error);
    // What goes wrong again and again is said once.
    if (!signal.aborted && problem !== lastProblem) console.error(`${clock()}  traffic: ${problem}`);
    lastProblem = problem;
  };
  await openLoop(events, signal, (event) => happen(event).catch(say)).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}

function clock(): string {
  return new Date().toTimeString().slice(0, "12:00:00".length);
}
