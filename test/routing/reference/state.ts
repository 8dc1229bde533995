// What the reference model remembers: plain maps and lists of what docs/protocol.md speaks of. No index, no total, nothing derived: every
// question is answered by a look at everything.
import type { AnswerKind, Failure } from "../../../src/routing/health/outcome.ts";
import type { HeartbeatPolicy } from "../../../src/routing/ledger/liveness.ts";
import type { Priority } from "../../../src/routing/ledger/queue.ts";
import type { WaitingOptions } from "../../../src/routing/refusals.ts";
import type { Counters } from "../../../src/routing/scheduler.ts";
import type { Outcome } from "./coverage.ts";

/** One process of a replica, for as long as anything of it is remembered. */
export interface Process {
  readonly id: string;
  readonly incarnation: number;
  origin: string;
  sequence: number | null;
  status: "starting" | "ready" | "draining";
  drained: boolean;
  concurrency: number;
  hintSlots: number | null;
  hints: readonly string[] | null;
  /** Its last heartbeat had hints. */
  reportsHints: boolean;
  expiresAtMs: number;
  /** Requests of before a restart that it reports and nobody has claimed. */
  unadopted: number;
  /** The object has restarted, and it has not said since how many requests it serves. */
  unheard: boolean;
  /** The last of its requests whose slots were taken back, as many as it has slots: they may have them again. And when that last happened. */
  reclaimed: readonly Running[];
  reclaimedAtMs: number;
  /** Its last report counted so many requests fewer than the slots held. */
  fewer: { readonly by: number; readonly atMs: number } | null;
  loads: readonly Load[];
  /** Hints that an answer showed to be loaded at that time, and that it has not listed since; the oldest first. */
  unreported: readonly { readonly hint: string; readonly shownAtMs: number }[];
  /** Slots that its answers 503, and others with which it asks for another replica, have taken for a moment, until when, and when the last such answer came. */
  withheld: number;
  withheldUntilMs: number;
  refusedAtMs: number;
  served: number;
  /** The start of its last ejection, its end, what it was for, and how many there were since it was last trusted. */
  ejectedAtMs: number;
  ejectedUntilMs: number;
  ejectedFor: keyof Counters["failed"] | null;
  ejections: number;
  onProbation: boolean;
  /** The one request that it has on probation, and until when that keeps others away. */
  probe: { readonly id: number; untilMs: number } | null;
  /** Answers 503 are counted by themselves. */
  failuresInARow: number;
  refusalsInARow: number;
  /** Its answers that were a success or an error, in their order, as whether they were errors. */
  answers: readonly boolean[];
  lastError: { readonly kind: Failure["kind"]; readonly detail: string; readonly atMs: number } | null;
  /** It has left otherwise than by silence, with requests that it had not begun to answer: when those are lost; null: it has not. */
  lostAtMs: number | null;
  /** What it has not begun to answer is lost. */
  lost: boolean;
  /** It drains, by its own word or another's, and may come back until then. */
  graceUntilMs: number;
}

/** A hint that is being loaded for a request; believed for a time. */
interface Load {
  readonly hint: string;
  readonly request: number;
  readonly untilMs: number;
}

/** A replica that has left, as it is remembered. */
export interface Gone {
  readonly incarnation: number;
  readonly sequence: number | null;
  readonly untilMs: number;
  readonly forbidden: boolean;
  /** The process, if it may return as it was. */
  readonly process: Process | null;
}

/** What a client asks for. */
export interface Request {
  readonly hints: readonly string[];
  readonly avoid: readonly string[];
  readonly priority: Priority;
  readonly declaredMs: number | null;
  readonly queueLengthMax: number | null;
  readonly arrivedAtMs: number;
  readonly deadlineMs: number;
}

export interface Waiting extends Request {
  readonly id: number;
  /** When it was last seen to have a warm replica to wait for. */
  hopedAtMs: number;
}

/** A request that holds a slot, or goes on without the one that was taken back. */
export interface Running {
  readonly id: number;
  readonly process: Process;
  readonly hint: string | null;
  readonly cold: boolean;
  readonly grantedAtMs: number;
  /** Replicas that failed it before. */
  readonly failedBefore: number;
  /** It found the hint warm, by the replica's own word. */
  readonly warm: boolean;
  answered: AnswerKind | null;
  /** Its answer goes on, for all that is known. */
  streams: boolean;
  failed: boolean;
}

/** What a Worker knows of a request it was given a slot for, and claims it by after a restart. */
export interface Ticket {
  readonly id: number;
  readonly replica: string;
  readonly incarnation: number;
  readonly hint: string | null;
  readonly startedAtMs: number;
  answered: boolean;
}

/** What one process has failed of one hint. */
export interface HintFailure {
  readonly failures: number;
  readonly bars: number;
  readonly sinceMs: number;
  readonly untilMs: number;
}

/** Retries that are not paid back, as time: each costs a second, and each second pays one back. */
export interface Debt {
  ms: number;
  atMs: number;
}

export interface State {
  readonly policy: HeartbeatPolicy;
  readonly options: WaitingOptions;
  /** No slot stays idle while a request waits that could have it. */
  readonly neverWaits: boolean;
  members: Map<string, Process>;
  gone: Map<string, Gone>;
  /** Processes that an administrator deleted: known over a restart. */
  deleted: Map<string, { readonly incarnation: number; readonly untilMs: number }>;
  waiting: Waiting[];
  running: Running[];
  /** Those whose slots were taken back. */
  slotless: Running[];
  /** After a restart: nothing is granted before; 0: not after one. */
  recoveringUntilMs: number;
  /** Of retries that take a slot, and of those that take none. */
  debt: Debt;
  slotlessDebt: Debt;
  /** Times that answered requests held their slots, in the order of their ends. */
  heldMs: number[];
  /** Whether a load has been answered, so that load times are learned. */
  loadsSeen: boolean;
  counters: Omit<Counters, "cold" | "granted"> & { granted: Record<string, number> };

  /** By hint and process; and who was the last to serve each hint. */
  hintFailures: Map<string, HintFailure>;
  servedBy: Map<string, string>;

  // What Workers and replicas know, whatever becomes of the object.
  tickets: Ticket[];
  /** Requests that gave their slots back before it was known how they went. */
  unjudged: Running[];
  /** Tickets of requests that the object of before a restart granted, and that have not been claimed. */
  lost: Ticket[];
  /** Requests that waited when the object restarted, and have not asked again. */
  asking: Request[];
  ended: number[];
  /** Of each replica, the incarnations and sequences it has used. */
  readonly used: Map<string, { readonly incarnations: number[]; sequence: number }>;
  note: (outcome: Outcome) => void;
}

export function createState(policy: HeartbeatPolicy, options: WaitingOptions, neverWaits: boolean, note: State["note"]): State {
  return {
    neverWaits,
    policy,
    options,
    note,
    members: new Map(),
    gone: new Map(),
    deleted: new Map(),
    waiting: [],
    running: [],
    slotless: [],
    recoveringUntilMs: 0,
    debt: { ms: 0, atMs: 0 },
    slotlessDebt: { ms: 0, atMs: 0 },
    heldMs: [],
    loadsSeen: false,
    counters: noCounters(),
    hintFailures: new Map(),
    servedBy: new Map(),
    tickets: [],
    unjudged: [],
    lost: [],
    asking: [],
    ended: [],
    used: new Map(),
  };
}

export function noCounters(): State["counters"] {
  return {
    granted: { hint_match: 0, hint_wait: 0, cold: 0, least_loaded: 0 },
    refused: { queue_full: 0, no_replicas: 0, no_other_replica: 0, no_retry_left: 0, timed_out: 0 },
    left: 0,
    reclaimed: 0,
    failed: { unreachable: 0, disconnected: 0, unavailable: 0, declined: 0, timed_out: 0, broken: 0, error: 0 },
    ejected: 0,
  };
}

/** Requests that run on a process, the longest running first. */
export function runningOn(state: State, process: Process): Running[] {
  return state.running.filter((run) => run.process === process).sort((a, b) => a.grantedAtMs - b.grantedAtMs);
}

/** A request that has been granted a slot and is not over. */
export function requestOf(state: State, id: number): Running | undefined {
  return [...state.running, ...state.slotless].find((run) => run.id === id);
}

/** Requests that it has not begun to answer, but for such as were taken back from it too long ago. */
export function unansweredOn(state: State, process: Process): Running[] {
  return [...runningOn(state, process), ...process.reclaimed].filter(({ answered }) => answered === null);
}

export function hasSlot(state: State, run: Running): boolean {
  return state.running.includes(run);
}

/** Requests that it serves. */
export function inFlightOn(state: State, process: Process): number {
  return runningOn(state, process).length + process.unadopted;
}

/** Slots taken, those that it refused a moment ago among them. */
export function loadOn(state: State, process: Process, now: number): number {
  return inFlightOn(state, process) + withheldBy(process, now);
}

export function withheldBy({ withheld, withheldUntilMs }: Process, now: number): number {
  return now < withheldUntilMs ? withheld : 0;
}

export function isReady({ status, drained }: Process): boolean {
  return status === "ready" && !drained;
}

export function readyMembers(state: State): Process[] {
  return [...state.members.values()].filter(isReady);
}

/** Slots of all ready replicas. */
export function slotsOf(state: State): number {
  return readyMembers(state).reduce((slots, { concurrency }) => slots + concurrency, 0);
}

/** Whether the replica holds the hint, by its list or by an answer of its own. */
export function hasLoaded({ hints, unreported }: Process, hint: string): boolean {
  return hints?.includes(hint) === true || unreported.some((its) => its.hint === hint);
}

/** Whether the replica holds the hint, or is loading it. */
export function holds(process: Process, hint: string, now: number): boolean {
  if (hasLoaded(process, hint)) return true;
  return process.loads.some((load) => load.hint === hint && load.untilMs > now);
}

/** Three intervals; an interval is longer where the replicas together would send too often. */
export function timeToLiveMs({ policy }: State, replicas: number): number {
  const intervalMs = Math.max(policy.intervalMs, Math.ceil((replicas * 1000) / policy.rateMax));
  return policy.short ? 3 * intervalMs : Math.max(3 * intervalMs, 15_000);
}
