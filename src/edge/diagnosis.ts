// Why a replica gave no response headers. The runtime has one error for a connection that was refused, reset or closed, and another for names and
// certificates. So the router tries to connect, and sends `OPTIONS /`.
import { connect } from "cloudflare:sockets";
import { BOUNDS } from "../limits.ts";
import type { Settings } from "../settings/settings.ts";
import { VIA_NAME } from "./client-request.ts";
import type { Destination } from "./grant.ts";
import { noteKept } from "./kept-connections.ts";
import type { ReplicaNetwork } from "./replica-network.ts";
import { sign } from "./signature.ts";
import { isOutOfReach } from "./verdict.ts";
import { Alarm, TOO_LATE } from "./alarm.ts";

/** Why there were no response headers. `connection_lost`: it may be any of the first four. */
export type Cause = "refused" | "reset" | "dns" | "tls" | "connection_lost" | "expired";

export interface Diagnosis {
  /** The replica answers now. */
  readonly reachable: boolean;
  readonly cause: Cause;
}

type Target = Pick<Destination, "origin" | "replica">;

/**
 * Asks the replica whether it is there. `error`: what `fetch` threw. Takes at most `probeMs` for the connection, a pause, and `probeMs` for a question
 * without an answer, which is the last one.
 */
export async function diagnose(
  target: Target,
  error: unknown,
  network: ReplicaNetwork | null,
  settings: Settings,
): Promise<Diagnosis> {
  // A network of its own is asked by requests alone, as the replica's clients ask it.
  const connected = network === null ? await connectionOf(target.origin) : null;
  if (connected === false) return { reachable: false, cause: causeOf(String(error), false, connected) };
  // A replica that closes idle connections closes several at a time. The runtime needs a moment to notice, or the question would meet another of them.
  await scheduler.wait(BOUNDS.beforeProbeMs);
  let reachable = false;
  // If a connection can be made, each question that breaks off has used up a stale connection.
  for (let probe = 0; probe < (connected === true ? BOUNDS.probes : 1) && !reachable; probe++) {
    reachable = await isReachable(target, network ?? globalThis, settings);
  }
  return { reachable, cause: causeOf(String(error), reachable, connected) };
}

/** Whether a replica answers `OPTIONS /` with anything at all. A replica that takes longer than `probeMs` counts as reachable. */
async function isReachable({ origin, replica }: Target, network: ReplicaNetwork, settings: Settings): Promise<boolean> {
  const signal = AbortSignal.timeout(BOUNDS.probeMs);
  const headers = new Headers({ via: `1.1 ${VIA_NAME}` });
  await sign(headers, settings, { method: "OPTIONS", target: "/", replica });
  try {
    const response = await network.fetch(`${origin}/`, { method: "OPTIONS", headers, redirect: "manual", signal });
    await response.body?.cancel();
    noteKept(origin, Date.now());
    return !isOutOfReach(response);
  } catch {
    return signal.aborted;
  }
}

/** Whether a connection can be made; null: not known, since the runtime makes none to Cloudflare's own addresses. */
async function connectionOf(origin: string): Promise<boolean | null> {
  const { hostname, port, protocol } = new URL(origin);
  try {
    const socket = connect({ hostname, port: Number(port || (protocol === "https:" ? 443 : 80)) });
    socket.closed.catch(() => {});
    const opened = await new Alarm().within(socket.opened, BOUNDS.probeMs);
    void socket.close().catch(() => {});
    return opened === TOO_LATE ? null : true;
  } catch (error) {
    return String(error).includes("HTTP-based service") && !/^[\d.[]/.test(hostname) ? null : false;
  }
}

/** The cause by the runtime's error and by whether a connection can be made. */
function causeOf(error: string, reachable: boolean, connected: boolean | null): Cause {
  const named = error.includes("internal error") || error.includes("dns_error");
  if (named) return connected === true ? "tls" : "dns";
  if (reachable || connected === true) return "reset";
  return connected === false ? "refused" : "connection_lost";
}
