// What a month of this router uses of Cloudflare, by how it is run. Pure.
import { BOUNDS } from "../../src/limits.ts";
import { COUNTED, type Priced } from "./prices.ts";

export type Heartbeats = "post" | "websocket";

export interface Plan {
  readonly replicas: number;
  /** Seconds between two heartbeats of a replica. Infinity: none beats. */
  readonly intervalS: number;
  readonly heartbeats: Heartbeats;
  /** The share of heartbeats that change what is stored of their replica. Each writes a row. */
  readonly changing: number;
  /** Requests of clients a second, over all apps. */
  readonly rps: number;
  readonly apps: number;
  /** Calls to a Fleet object that a client's request makes on average. */
  readonly rpcsARequest: number;
  /** CPU of the Worker for a client's request, and for a heartbeat by POST or the start of a WebSocket. */
  readonly cpuMs: number;
  readonly heartbeatCpuMs: number;
  /** The share of the month for which a Fleet object counts as active. */
  readonly awake: number;
  /** Isolates that know an app, and how often each asks for the app's snapshot. */
  readonly isolates: number;
  readonly refreshS: number;
  /** `head_sampling_rate` of wrangler.toml. */
  readonly logRate: number;
}

export type Usage = Readonly<Record<Priced, number>>;

const ASSUMED = {
  /** Deploys and other ends of an object. Each ends its connections, and the next object reads its rows. */
  restartsADay: 2,
  /** The row of a replica with a dozen hints: a kilobyte. */
  rowGb: 1e-6,
  /** Seen in workerd: a changed report writes one row and reads none, as the tables are WITHOUT ROWID. */
  rowsAChange: 1,
} as const;

/** The share of requests that load a hint on the synthetic workload at load 0.6 (README.md). */
export const COLD_SHARE = 0.36;

/** The share of heartbeats that tell of a load since the one before, if loads come at random and evenly over the replicas. */
export function changingByLoads({ replicas, intervalS, rps }: Pick<Plan, "replicas" | "intervalS" | "rps">): number {
  return 1 - Math.exp(-(rps * COLD_SHARE * intervalS) / replicas);
}

export function usageOf(plan: Plan): Usage {
  const seconds = COUNTED.monthSeconds;
  const byPost = plan.heartbeats === "post";
  const beats = (plan.replicas * seconds) / plan.intervalS;
  const restarts = COUNTED.monthDays * ASSUMED.restartsADay;
  const connections = byPost || beats === 0 ? 0 : plan.replicas * restarts;
  const requests = plan.rps * seconds;
  const calls = requests * plan.rpcsARequest;
  const refreshes = Math.min(requests, (plan.apps * plan.isolates * seconds) / plan.refreshS);
  const alarms = (plan.apps * seconds * 1000) / BOUNDS.alarmMs;
  /** Requests for heartbeats: each POST, and each start of a WebSocket. */
  const posts = byPost ? beats : connections;
  const messages = byPost ? 0 : beats;
  const workerRequests = requests + posts;
  const objectCalls = calls + posts + refreshes + alarms;
  const logsWritten = (workerRequests + objectCalls + messages) * plan.logRate * COUNTED.logEventGb;
  return {
    plan: 1,
    workerRequests,
    workerCpu: requests * plan.cpuMs + posts * plan.heartbeatCpuMs,
    objectRequests: objectCalls + messages / COUNTED.messagesARequest,
    objectDuration: plan.apps * seconds * plan.awake * COUNTED.objectGb,
    // An object reads its rows when it starts, and no others.
    rowsRead: plan.replicas * restarts,
    rowsWritten: beats * plan.changing * ASSUMED.rowsAChange + alarms,
    // One more database: the Directory's.
    stored: (plan.apps + 1) * COUNTED.databaseGb + plan.replicas * ASSUMED.rowGb,
    logsWritten,
    logsKept: (logsWritten * COUNTED.logDays) / COUNTED.monthDays,
  };
}
