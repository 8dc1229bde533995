// Reports of the replicas, at the simulator's times: all at the start, then each at its own turn, one interval apart.
import type { Agent } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { post } from "../live/exchange.ts";
import type { HttpReplica } from "./replica.ts";

export interface Reporting {
  readonly routerUrl: string;
  readonly token: string;
  readonly app: string;
  readonly agent: Agent;
  readonly slots: number;
  readonly concurrency: number;
  readonly everyMs: number;
  readonly signal: AbortSignal;
}

export interface Beats {
  accepted: number;
  /** The first words of those that were refused or lost. */
  readonly failed: string[];
}

/** Joins all replicas, in order; from then on they report until the signal. Throws when one may not join. */
export async function startReporting(replicas: readonly HttpReplica[], reporting: Reporting): Promise<Beats> {
  const beats: Beats = { accepted: 0, failed: [] };
  const incarnation = Date.now();
  const report = async (replica: HttpReplica, index: number, sequence: number) => {
    const { routerUrl, token, app, agent, slots, concurrency, signal } = reporting;
    const its = { origin: replica.origin, hints: replica.hints(), in_flight: replica.inFlight() };
    const body = { app, replica: String(index), incarnation, sequence, hint_slots: slots, concurrency, status: "ready", ...its };
    const headers = { authorization: `Bearer ${token}` };
    const reply = await post(`${routerUrl}/-/heartbeat`, { agent, headers, body, signal });
    if (reply.status !== 200) throw new Error(`a heartbeat was refused: ${reply.status} ${reply.body}`);
    beats.accepted++;
  };
  for (const [index, replica] of replicas.entries()) await report(replica, index, 1);

  const { everyMs, signal } = reporting;
  const startMs = performance.now();
  /** Never two at a time: a later one that overtook an earlier would have it refused. */
  const keepReporting = async (replica: HttpReplica, index: number) => {
    let nextMs = startMs + (everyMs * (index + 1)) / replicas.length;
    for (let sequence = 2; ; sequence++) {
      await sleep(Math.max(0, nextMs - performance.now()), undefined, { signal });
      try {
        await report(replica, index, sequence);
      } catch (error) {
        signal.throwIfAborted();
        beats.failed.push(String(error));
      }
      nextMs = Math.max(nextMs + everyMs, performance.now());
    }
  };
  for (const [index, replica] of replicas.entries()) keepReporting(replica, index).catch(() => {});
  return beats;
}
