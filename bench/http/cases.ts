// What is asked of the workers, case by case.
import { LARGE_BYTES } from "./origin.ts";
import type { Load } from "./load.ts";

export interface Case {
  readonly says: string;
  /** At the app; null: heartbeats. */
  readonly target: string | null;
  readonly load: Pick<Load, "method" | "headers" | "bodies" | "connections">;
}

export const APP = "bench";
export const HINT = "sdxl";
export const TOKEN = "bench";
const CONCURRENCY = 256;
const CONNECTIONS = 32;
const REPLICAS = 100;
const HINTS_EACH = 8;
const BEAT_HEADERS = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" };

/** The replica of the cases that are not of heartbeats. */
export function beatOf(origin: string, replica = "r1", hints: readonly string[] = [HINT]): string {
  return JSON.stringify({ app: APP, replica, origin, hints, hint_slots: HINTS_EACH, concurrency: CONCURRENCY });
}

const body200 = `{"prompt":"${"x".repeat(200 - '{"prompt":""}'.length)}"}`;
const hinted = { "x-fal-runner-hint": HINT };

/** Every replica once, each with hints of its own, others in every turn. Nothing is sent to these origins. */
function beats(turns: number): string[] {
  const of = (turn: number, replica: number) => {
    const hints = Array.from({ length: HINTS_EACH }, (_, slot) => `hint-${(replica * 7 + slot * 13 + turn * 3) % 1000}`);
    return beatOf(`http://127.0.0.1:${1 + replica}`, `r${replica}`, hints);
  };
  return Array.from({ length: turns * REPLICAS }, (_, index) => of(Math.floor(index / REPLICAS), index % REPLICAS));
}

const replicas = `of ${REPLICAS} replicas in turn, ${HINTS_EACH} hints each, ${CONNECTIONS} connections`;

export const CASES = {
  warm: {
    says: `GET, one warm replica of concurrency ${CONCURRENCY}, ${CONNECTIONS} connections`,
    target: "/run",
    load: { method: "GET", headers: hinted, bodies: [], connections: CONNECTIONS },
  },
  post: {
    says: "the same with POST and 200 bytes of JSON",
    target: "/run",
    load: {
      ...{ method: "POST", headers: { ...hinted, "content-type": "application/json" }, bodies: [body200] },
      connections: CONNECTIONS,
    },
  },
  download: {
    says: `GET, ${LARGE_BYTES / 1e6} MB an answer, 8 connections`,
    target: "/large",
    load: { method: "GET", headers: hinted, bodies: [], connections: 8 },
  },
  heartbeat: {
    says: `unchanged heartbeats ${replicas}`,
    target: null,
    load: { method: "POST", headers: BEAT_HEADERS, bodies: beats(1), connections: CONNECTIONS },
  },
  "heartbeat-changing": {
    says: `the same, all hints others each time`,
    target: null,
    load: { method: "POST", headers: BEAT_HEADERS, bodies: beats(4), connections: CONNECTIONS },
  },
} as const satisfies Readonly<Record<string, Case>>;

export type CaseName = keyof typeof CASES;
export const CASE_NAMES = Object.keys(CASES) as CaseName[];
