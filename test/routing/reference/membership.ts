// The reference model of membership, from docs/protocol.md: "Heartbeats", "Late heartbeats", "in_flight", and the control plane.
import type { HeartbeatOutcome, StoredReplica } from "../../../src/routing/ledger/membership.ts";
import type { Heartbeat } from "../../../src/routing/ledger/report.ts";
import { lists } from "./lists.ts";
import { givesBack, takesBack } from "./requests.ts";
import {
  inFlightOn,
  noCounters,
  runningOn,
  timeToLiveMs,
  unansweredOn,
  type Gone,
  type Process,
  type State,
  type Ticket,
} from "./state.ts";

type Heard =
  | { readonly kind: "accepted"; readonly reclaimed: number; readonly replaced: string | null }
  | Extract<HeartbeatOutcome, { readonly kind: "stopped" | "stale" | "origin_taken" }>;

/** `cameAtMs`: when the heartbeat reached the router. */
export function hears(state: State, beat: Heartbeat, now: number, cameAtMs: number): Heard {
  const liveMs = timeToLiveMs(state, state.members.size);
  const member = state.members.get(beat.replica);
  const gone = state.gone.get(beat.replica);
  const known = member ?? gone;
  // What is known of a replica counts until one time to live after it left, or would have to leave.
  const knownUntilMs = member === undefined ? (gone?.untilMs ?? 0) : member.expiresAtMs + liveMs;
  if (known !== undefined) {
    const stale = isStale(state, known, beat, gone?.forbidden ?? false);
    if (stale && knownUntilMs > now) return { kind: "stale", incarnation: known.incarnation, sequence: known.sequence };
    if (stale && beat.incarnation < known.incarnation) state.note("an earlier process was believed after its time");
    if (stale && gone?.forbidden === true) state.note("a deleted process came back after its time");
  }
  const same = known?.incarnation === beat.incarnation;
  if (beat.status === "stopped") {
    const sequence = beat.sequence ?? (same ? (known?.sequence ?? null) : null);
    if (member !== undefined) {
      state.note("a replica stopped");
      leaves(state, member, {
        incarnation: beat.incarnation,
        sequence,
        untilMs: now + liveMs,
        forbidden: false,
        process: same ? member : null,
      });
      return { kind: "stopped", known: true };
    }
    if (gone !== undefined) {
      state.note("a stop of one that had left");
      const rest = same ? gone : { forbidden: false, process: null };
      state.gone.set(beat.replica, { ...rest, incarnation: beat.incarnation, sequence, untilMs: gone.untilMs });
    }
    return { kind: "stopped", known: false };
  }
  const owner = [...state.members.values()].find(({ id, origin }) => origin === beat.origin && id !== beat.replica);
  if (owner !== undefined && owner.incarnation > beat.incarnation) {
    state.note("an origin was taken by a newer process");
    return { kind: "origin_taken", replica: owner.id, incarnation: owner.incarnation };
  }
  if (owner !== undefined) {
    state.note("a replica took the place of another at its origin");
    const { incarnation, sequence } = owner;
    leaves(state, owner, { incarnation, sequence, untilMs: now + liveMs, forbidden: false, process: owner });
  }
  const process = (same ? (member ?? gone?.process) : null) ?? newProcess(beat.replica, beat.incarnation);
  noteComing(state, process, member);
  const joins = member !== process;
  const reclaimed = believesInFlight(state, process, beat.inFlight, now);
  const heardOfHints = beat.hints !== null || process.reportsHints || joins;
  if (beat.hints === null && process.hints !== null)
    state.note(
      heardOfHints ? "a heartbeat without hints ended its list" : "a list sent in band outlived a heartbeat without hints",
    );
  if (heardOfHints) lists(state, process, beat.hints, cameAtMs);
  process.reportsHints = beat.hints !== null;
  if (member !== undefined && joins) isLeft(state, member, now + liveMs);
  if (process.lost) state.note("a process came back after its requests were lost");
  else if (process.lostAtMs !== null) state.note("a process came back before its requests were lost");
  process.lostAtMs = null;
  process.lost = false;
  if (beat.status === "draining" && (joins || process.status !== "draining")) process.graceUntilMs = now + liveMs;
  process.origin = beat.origin;
  process.status = beat.status;
  process.concurrency = beat.concurrency;
  process.hintSlots = beat.hintSlots;
  process.sequence = beat.sequence ?? process.sequence;
  process.expiresAtMs = now + liveMs;
  state.members.set(process.id, process);
  state.gone.delete(process.id);
  return { kind: "accepted", reclaimed, replaced: owner?.id ?? null };
}

function isStale(state: State, known: Process | Gone, beat: Heartbeat, forbidden: boolean): boolean {
  if (beat.incarnation !== known.incarnation) {
    if (beat.incarnation < known.incarnation) state.note("an earlier process was refused");
    return beat.incarnation < known.incarnation;
  }
  if (forbidden) state.note("a deleted process was refused");
  const late = beat.sequence !== null && known.sequence !== null && beat.sequence <= known.sequence;
  if (late) state.note("a late sequence was refused");
  return forbidden || late;
}

function noteComing(state: State, process: Process, member: Process | undefined): void {
  if (member === process) return state.note("a replica changed what it said");
  if (member === undefined) state.note("a replica joined");
  else state.note(member.drained ? "a new process ended a drain" : "a new process replaced one");
  if (process.expiresAtMs === 0) return;
  if (process.drained) state.note("a drained replica came back drained");
  if (inFlightOn(state, process) > 0) state.note("a replica came back as it was, with requests running");
}

/** Gives the number of slots that are given back. */
function believesInFlight(state: State, process: Process, inFlight: number | null, now: number): number {
  const before = process.fewer;
  process.fewer = null;
  if (inFlight === null) return 0;
  const again = process.reclaimed.slice(0, Math.max(0, inFlight - runningOn(state, process).length));
  for (const run of again) givesBack(state, run);
  if (again.length > 0) state.note("a report gave slots back to requests that run");
  const held = runningOn(state, process);
  const more = Math.max(0, inFlight - held.length);
  // More than it takes at once would not be believed.
  process.unadopted = process.unheard ? Math.min(more, process.concurrency) : Math.min(process.unadopted, more);
  if (process.unheard && process.unadopted > 0) state.note("unclaimed requests took slots");
  process.unheard = false;
  if (inFlight >= held.length) return 0;
  process.fewer = { by: held.length - inFlight, atMs: now };
  if (before === null) return 0;
  // Two reports running: of the slots held since before the first of them, those that the second can't account for.
  const older = held.filter((run) => run.grantedAtMs < before.atMs);
  const surplus = older.slice(0, Math.max(0, Math.min(before.by, older.length - inFlight)));
  for (const run of surplus) takesBack(state, run);
  if (surplus.length > 0) process.reclaimedAtMs = now;
  if (surplus.length > 0) state.note("oldest requests were taken back");
  state.counters.reclaimed += surplus.length;
  return surplus.length;
}

function newProcess(id: string, incarnation: number): Process {
  return {
    id,
    incarnation,
    origin: "",
    sequence: null,
    status: "starting",
    drained: false,
    concurrency: 1,
    hintSlots: null,
    hints: null,
    reportsHints: false,
    expiresAtMs: 0,
    unadopted: 0,
    unheard: false,
    reclaimed: [],
    reclaimedAtMs: -Infinity,
    fewer: null,
    loads: [],
    unreported: [],
    withheld: 0,
    withheldUntilMs: 0,
    refusedAtMs: -Infinity,
    served: 0,
    ejectedAtMs: -Infinity,
    ejectedUntilMs: 0,
    ejectedFor: null,
    ejections: 0,
    onProbation: false,
    probe: null,
    failuresInARow: 0,
    refusalsInARow: 0,
    answers: [],
    lastError: null,
    lostAtMs: null,
    lost: false,
    graceUntilMs: 0,
  };
}

function leaves(state: State, process: Process, gone: Gone): void {
  state.members.delete(process.id);
  process.hints = null;
  process.unreported = [];
  process.withheld = 0;
  isLeft(state, process, gone.untilMs);
  state.gone.set(process.id, gone);
}

/** The process is not listed any more. It may yet answer, but not for ever. */
function isLeft(state: State, process: Process, lostAtMs: number): void {
  if (!process.lost && unansweredOn(state, process).length > 0) process.lostAtMs = lostAtMs;
}

/** Processes that have left, and whose requests are not lost yet. */
export function leftWith(state: State): ReadonlySet<Process> {
  const all = [...state.running, ...state.slotless].map(({ process }) => process);
  return new Set(all.filter(({ lost, lostAtMs }) => !lost && lostAtMs !== null));
}

export function deletes(state: State, process: Process, now: number): void {
  const untilMs = now + timeToLiveMs(state, state.members.size);
  const { incarnation, sequence } = process;
  leaves(state, process, { incarnation, sequence, untilMs, forbidden: true, process });
  state.deleted.set(process.id, { incarnation, untilMs });
}

/** Time has passed. Gives those that were silent for too long, and the requests that are lost. */
export function expires(state: State, now: number): { readonly expired: readonly string[]; readonly lost: readonly number[] } {
  const liveMs = timeToLiveMs(state, state.members.size);
  const silent = [...state.members.values()].filter((process) => process.expiresAtMs <= now);
  for (const process of state.members.values()) process.loads = process.loads.filter((load) => load.untilMs > now);
  for (const process of silent) {
    state.note("a replica expired");
    process.lost = true;
    const { incarnation, sequence } = process;
    leaves(state, process, { incarnation, sequence, untilMs: now + liveMs, forbidden: false, process });
  }
  for (const [id, { untilMs, process }] of state.gone) {
    const owed = process !== null && (process.drained || runningOn(state, process).length > 0);
    if (untilMs <= now && !owed) state.gone.delete(id);
  }
  const left = [...leftWith(state)].filter(({ lostAtMs }) => (lostAtMs ?? Infinity) <= now);
  for (const process of left) process.lost = true;
  const lostOf = (processes: readonly Process[]) =>
    processes.flatMap((process) => unansweredOn(state, process)).map(({ id }) => id);
  const [bySilence, byLeaving] = [lostOf(silent), lostOf(left)];
  if (bySilence.length > 0) state.note("requests were lost with their replica");
  if (byLeaving.length > 0) state.note("requests of a process that had left were lost");
  return { expired: silent.map(({ id }) => id), lost: [...bySilence, ...byLeaving] };
}

/** What a restart must know of each replica. */
export function rowOf(process: Process): StoredReplica {
  const { id, incarnation, origin, status, drained, concurrency, hintSlots, reportsHints } = process;
  const hints = process.hints && process.hints.toSorted();
  return { id, incarnation, origin, status, drained, concurrency, hintSlots, hints, reportsHints };
}

/** The object ends and another takes its place: what is not stored is forgotten. */
export function restarts(state: State, now: number): void {
  const rows = [...state.members.values()].map(rowOf);
  const liveMs = timeToLiveMs(state, rows.length);
  const restored = rows.map((row) => ({
    ...newProcess(row.id, row.incarnation),
    ...row,
    unheard: true,
    expiresAtMs: now + liveMs,
    graceUntilMs: now + liveMs,
  }));
  if (restored.some(({ drained }) => drained)) state.note("a restart kept a drain");
  if (restored.some(({ hints }) => hints !== null)) state.note("a restart kept a list");
  state.members = new Map(restored.map((process) => [process.id, process]));
  const deleted = [...state.deleted].filter(([id, { untilMs }]) => !state.members.has(id) && untilMs > now);
  if (deleted.length > 0) state.note("a restart kept a deletion");
  state.gone = new Map(deleted.map(([id, deletion]) => [id, { ...deletion, sequence: null, forbidden: true, process: null }]));
  state.lost.push(...state.tickets);
  state.asking.push(...state.waiting);
  Object.assign(state, {
    unjudged: [],
    tickets: [],
    waiting: [],
    running: [],
    slotless: [],
    debt: { ms: 0, atMs: now },
    slotlessDebt: { ms: 0, atMs: now },
    heldMs: [],
    loadsSeen: false,
    hintFailures: new Map(),
    servedBy: new Map(),
    counters: noCounters(),
  });
  state.recoveringUntilMs = rows.length > 0 ? now + 1400 : 0;
}

/** A request that runs claims its slot. Says whether its process is known. */
export function adopts(state: State, id: number, claim: Ticket): boolean {
  const gone = state.gone.get(claim.replica);
  const process = state.members.get(claim.replica) ?? gone?.process ?? null;
  if (process === null || process.incarnation !== claim.incarnation) {
    state.note("a claim for a process that is gone");
    return false;
  }
  if (process.unadopted > 0) state.note("unclaimed requests were claimed");
  if (gone !== undefined && !claim.answered && !process.lost) {
    state.note("a claim for a process that had left");
    process.lostAtMs = gone.untilMs;
  }
  process.unadopted = Math.max(0, process.unadopted - 1);
  const { hint, startedAtMs: grantedAtMs } = claim;
  const answered = claim.answered ? "success" : null;
  state.running.push({
    ...{ id, process, hint, cold: false, warm: false, grantedAtMs, failedBefore: 0 },
    ...{ answered, streams: claim.answered, failed: false },
  });
  state.note(
    inFlightOn(state, process) > process.concurrency ? "a request was adopted over the concurrency" : "a request was adopted",
  );
  state.tickets.push({ ...claim, id });
  return true;
}
