// The control plane's answers as schemas. Each is held to the type that src/views or an object gives: the type checker refuses one that has a field
// more, a field less or another type. They make the document; nothing is validated with them in production.
import * as v from "valibot";
import type { ListedApp } from "../../../durable-objects/directory.ts";
import type { EventsView } from "../../views/events.ts";
import type { FleetView } from "../../views/fleet.ts";
import type { HistoryView } from "../../views/history.ts";
import type { MatrixView } from "../../views/matrix.ts";
import type { Scale as ScaleView } from "../../views/scale.ts";
import type { QueueView } from "../../views/queue.ts";
import type { CandidateView, Explanation } from "../../views/explain.ts";
import type { ReplicaView } from "../../views/replica.ts";
import type { HeartbeatReply } from "../../wire/heartbeat.ts";
import { BOUNDS } from "../../limits.ts";
import { LIMITS } from "../../routing/limits.ts";
import { exactly } from "./exactly.ts";

const said = v.description;
const whole = v.pipe(v.number(), v.integer(), v.minValue(0));
const time = v.pipe(v.number(), v.minValue(0));
const text = (meaning: string) => v.pipe(v.string(), said(meaning));
const flag = (meaning: string) => v.pipe(v.boolean(), said(meaning));
const count = (meaning: string) => v.pipe(whole, said(meaning));
const duration = (meaning: string) => v.pipe(time, said(meaning));
/** Null has a meaning of its own. */
const maybe = <S extends v.GenericSchema>(schema: S, meaning: string) => v.pipe(v.nullable(schema), said(meaning));

/** A number for each of these names. */
function tally<const Name extends string>(names: readonly Name[], meaning: string) {
  const entries = Object.fromEntries(names.map((name) => [name, whole])) as Record<Name, typeof whole>;
  return v.pipe(v.object(entries), said(meaning));
}

export const Health = v.object({
  status: v.literal("ok"),
  missing: v.exactOptional(
    v.pipe(
      v.array(v.string()),
      said("Settings that are not set and without which something is refused. Absent: there are none."),
    ),
  ),
  warnings: v.exactOptional(
    v.pipe(
      v.array(v.string()),
      v.maxLength(BOUNDS.warnings),
      said("Names in the environment that are near a setting's. Absent: there are none."),
    ),
  ),
});

export const HeartbeatAnswer = exactly<HeartbeatReply>()(
  v.object({
    time_to_live_ms: duration("A replica that is silent for so long is removed."),
    next_heartbeat_ms: duration("When to send the next heartbeat, counted from this answer."),
    warnings: v.exactOptional(
      v.pipe(
        v.array(v.string()),
        said("Unknown fields, and a replica that had this origin and counts as gone now. Absent: there are none."),
      ),
    ),
  }),
);

export const Apps = exactly<{ readonly apps: readonly ListedApp[]; readonly next: string | null }>()(
  v.object({
    apps: v.array(
      v.object({ app: v.string(), since_ms: count("When the app's first replica came, in milliseconds since 1970.") }),
    ),
    next: maybe(v.string(), "The value for `after` of the next page; null: this is the last page."),
  }),
);

const FAILURES = ["unreachable", "disconnected", "unavailable", "declined", "timed_out", "broken", "error"] as const;
const GRANTS = ["hint_match", "hint_wait", "hash_owner", "hash_spill", "least_loaded"] as const;
const REFUSALS = ["queue_full", "no_replicas", "no_other_replica", "no_retry_left", "timed_out"] as const;

export const Replica = exactly<ReplicaView>()(
  v.object({
    replica: text("The replica's id."),
    origin: text("Where the router reaches it."),
    incarnation: count("Number of its process."),
    sequence: maybe(whole, "Number of its last report; null: it sends none."),
    status: v.picklist(["starting", "ready", "draining"]),
    drained: flag("An administrator has drained it."),
    hints: maybe(v.array(v.string()), "What it holds warm; null: it does not specialise."),
    loading: v.pipe(v.array(v.string()), said("Hints that requests are making it load.")),
    hint_slots: maybe(v.number(), "How many hints it can hold at once; null: not known."),
    hints_held: count("How many hints it holds or loads."),
    concurrency: count("How many requests it takes at once."),
    in_flight: count("How many requests it has, as the router counts them."),
    served: count("Requests that were sent to it."),
    expires_in_ms: duration("It is removed then, unless it sends a heartbeat before."),
    ejected_for_ms: duration("How long it is still passed over for its failures."),
    ejections: count("Ejections since it was last trusted."),
    on_probation: flag("It gets one request at a time until it is trusted again."),
    last_error: maybe(
      v.object({ kind: v.picklist(FAILURES), detail: v.string(), ago_ms: time }),
      "The last failure of its process; null: none is known.",
    ),
  }),
);

export const Fleet = exactly<FleetView>()(
  v.object({
    app: v.string(),
    replicas: v.array(Replica),
    waiting: count("Requests that wait, of whatever priority."),
    waiting_high: count("Those of high priority."),
    waiting_low: count("Those of low priority."),
    in_flight: count("Requests that replicas have."),
    counters: v.pipe(
      v.object({
        granted: tally(GRANTS, "Requests that were sent to a replica, by reason."),
        refused: tally(REFUSALS, "Requests that were refused."),
        cold: count("Requests for which a replica had to load."),
        left: count("Requests that left the queue without a replica."),
        reclaimed: count("Slots that were taken back because the replica said that they were not in use."),
        failed: tally(FAILURES, "Requests that replicas failed, by the kind of failure."),
        ejected: count("Ejections."),
      }),
      said("Since the app's object started."),
    ),
    next_heartbeat_ms: duration("What heartbeats are answered now."),
    time_to_live_ms: duration("What heartbeats are answered now."),
  }),
);

export const Candidate = exactly<CandidateView>()(
  v.object({
    replica: v.string(),
    hash_rank: count("Place in the hash order of the first hint; 1: the owner."),
    warm_for: maybe(v.string(), "The hint that it is warm for; null: it is cold."),
    in_flight: count("Requests that it has."),
    concurrency: count("Requests that it takes at once."),
    hint_room: v.picklist(["free", "unknown", "full"]),
    passed_over: maybe(
      v.picklist(["starting", "draining", "ejected", "probation", "hint_failed", "full"]),
      "Why it can't be chosen now; null: it can.",
    ),
    hint_failed_for_ms: duration("How long it is still passed over because it failed the hint."),
    chosen: flag("The decision names it."),
    wait_s: duration("Until a slot is expected to be free, seconds."),
    load_s: duration("How long the hint is expected to load, seconds."),
    evicts: maybe(v.string(), "The hint that it would evict for the load; null: none."),
    eviction_s: duration("What others would lose by that, seconds."),
    cost_s: duration("The three together, seconds."),
    occupation_s: duration("What others would miss of it meanwhile, seconds."),
  }),
);

export const Explained = exactly<Explanation>()(
  v.object({
    hints: v.array(v.string()),
    decision: v.variant("outcome", [
      v.object({ outcome: v.literal("grant"), replica: v.string(), reason: v.picklist(GRANTS), warm: v.boolean() }),
      v.object({
        outcome: v.literal("wait"),
        expected_wait_s: maybe(v.number(), "Until a warm replica is expected to be free, seconds; null: no replica is."),
        worth_waiting_s: maybe(v.number(), "The longest wait that is better than a load, seconds."),
      }),
      v.object({ outcome: v.literal("refuse"), error_type: v.picklist(REFUSALS) }),
    ]),
    waiting: count("Requests that wait."),
    candidates: v.pipe(
      v.array(Candidate),
      v.maxLength(LIMITS.candidatesExplained),
      said("Those that could be chosen first, then by cost, then in hash order."),
    ),
    candidates_total: count("How many candidates there are, with those that are not listed."),
  }),
);

const SCALE_REASONS = [
  ...(["demand", "waiting", "recent", "tolerance", "request", "unwatched", "min", "max", "idle"] as const),
] as const;
const PRIORITIES = ["high", "normal", "low"] as const;
const LOADS = ["first_touch", "duplicate", "evicted"] as const;

export const Queue = exactly<QueueView>()(
  v.object({
    waiting: v.pipe(
      v.array(
        v.object({
          hints: v.pipe(v.array(v.string()), said("Most preferred first.")),
          priority: v.picklist(PRIORITIES),
          waited_ms: duration("Since it arrived at the router."),
          deadline_in_ms: duration("Until it is refused."),
          why: v.pipe(
            v.picklist(["full", "hold", "recovering", "no_replicas", "next"]),
            said(
              "full: no slot is free that it may have. hold: one is, and a warm replica is worth the wait. recovering: the object has just started. no_replicas: none is ready. next: the next decision may send it.",
            ),
          ),
          expected_wait_s: maybe(v.number(), "With hold: until a warm replica is expected to take it, seconds."),
          worth_waiting_s: maybe(v.number(), "With hold: the longest wait that is better than a load, seconds."),
        }),
      ),
      v.maxLength(LIMITS.waitingShown),
      said("Oldest first."),
    ),
    total: count("All that wait."),
    by_priority: tally(PRIORITIES, "All that wait, by priority."),
  }),
);

export const Matrix = exactly<MatrixView>()(
  v.object({
    hints: v.pipe(
      v.array(
        v.object({
          hint: v.string(),
          holders: count("Replicas that hold it."),
          loading: count("Replicas that are loading it."),
          asked_share: v.pipe(
            v.number(),
            v.minValue(0),
            v.maxValue(1),
            said("The share of late requests that asked for it first."),
          ),
        }),
      ),
      v.maxLength(LIMITS.hintsShown),
      said("Most asked for first, then most held, then by name."),
    ),
    hints_total: count("All hints that are held, loading or were asked for lately."),
    replicas: v.pipe(
      v.array(
        v.object({
          replica: v.string(),
          cells: v.pipe(
            v.array(v.strictTuple([whole, v.picklist([0, 1]), v.nullable(time)])),
            said(
              "For each of `hints` that it holds or loads: the place there; 0 if it holds the hint, 1 if it is loading; seconds since a request last used the hint there, null if that is not known.",
            ),
          ),
        }),
      ),
      v.maxLength(LIMITS.replicasShown),
      said("By name."),
    ),
    replicas_total: count("All replicas."),
  }),
);

export const History = exactly<HistoryView>()(
  v.object({
    minutes: v.pipe(
      v.array(
        v.object({
          start_ms: count("The start of the minute, milliseconds since 1970."),
          requests: count("Requests that were granted."),
          reasons: tally(GRANTS, "The same by reason."),
          refused: count("Requests that were refused."),
          failed: count("Requests that a replica failed."),
          ejections: whole,
          retries: whole,
          warm: count("Granted without a load."),
          loads: tally(LOADS, "Loads that were begun."),
          load_seconds: duration("What loads that ended well took of their replicas, seconds."),
          wait_p50_s: maybe(v.number(), "From arrival to grant, the median, seconds; null: there was none."),
          wait_p95_s: maybe(v.number(), "The 95th percentile."),
          service_p50_s: maybe(v.number(), "From grant to end, the median, seconds; null: there was none."),
          service_p95_s: maybe(v.number(), "The 95th percentile."),
        }),
      ),
      said("Oldest first and without gaps, the running one last."),
    ),
  }),
);

export const Scale = exactly<{ readonly app: string } & ScaleView>()(
  v.object({
    app: v.string(),
    desired_replicas: count("How many replicas the app should have."),
    reasons: v.pipe(v.array(v.picklist(SCALE_REASONS)), said("What the number was made of, in that order.")),
    replicas: count("Replicas that are ready or starting, and not drained."),
    slots: count("Slots of the ready ones."),
    slots_per_replica: maybe(v.number(), "Slots of one; null: not known."),
    running: count("Requests that run."),
    waiting: count("Requests that wait."),
    waiting_work_s: duration("How long one slot would take for what waits, seconds."),
    mean_running: duration("The mean number of running requests over the last minute."),
    utilisation: maybe(v.number(), "Its share of the slots; null: there are none."),
    load_s: duration("Until a new replica serves: its start, and a mean load, seconds."),
    last_request_s: maybe(v.number(), "Since the last request came, seconds; null: none did in the last hour."),
    watched_s: duration("For how long the fleet was watched, at most the window, seconds."),
    peak: v.pipe(
      v.object({ ago_s: time, demand_slots: time, waiting_slots: time }),
      said("The moment of the window when most was needed."),
    ),
    min: count("As asked."),
    max: count("As asked."),
    target: duration("As asked."),
    clear_s: duration("As asked."),
    start_s: duration("As asked."),
    window_s: duration("As asked."),
  }),
);

const EVENT_KINDS = [
  ...(["object_started", "joined", "restarted", "starting", "ready", "draining", "drained", "undrained"] as const),
  ...(["stopped", "expired", "removed", "replaced", "ejected", "trusted", "hint_failed", "loaded", "dropped"] as const),
] as const;

export const Events = exactly<EventsView>()(
  v.object({
    events: v.pipe(
      v.array(
        v.object({
          sequence: count("Rises with each event, from 1 on."),
          at_ms: count("Milliseconds since 1970."),
          kind: v.picklist(EVENT_KINDS),
          replica: maybe(v.string(), "Null: the event concerns the app."),
          hint: maybe(v.string(), "Of loaded and hint_failed."),
          detail: text("One sentence."),
          load: maybe(
            v.object({ seconds: v.number(), kind: v.picklist(LOADS), evicts: v.nullable(v.string()) }),
            "Of loaded: how much longer than a warm request it took, and what it was expected to evict.",
          ),
          hints: maybe(v.array(v.string()), "Of dropped: at most 16 of the hints."),
        }),
      ),
      said("Oldest first."),
    ),
    oldest_kept: maybe(whole, "The lowest sequence that is kept; null: none is."),
    next: count("The value for `after` of the next call."),
    since_ms: count("When the object started, milliseconds since 1970. If it changes, sequences have begun anew."),
  }),
);

export const Drained = v.object({ app: v.string(), replica: v.string(), drained: v.boolean() });
export const Deleted = v.object({ app: v.string(), replica: v.string(), deleted: v.literal(true) });
