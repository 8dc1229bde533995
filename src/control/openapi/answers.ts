// The control plane's answers as schemas. Each is held to the type that src/views or an object gives: the type checker refuses one that has a field
// more, a field less or another type. They make the document; nothing is validated with them in production.
import * as v from "valibot";
import type { ListedApp } from "../../../durable-objects/directory.ts";
import type { FleetView } from "../../views/fleet.ts";
import type { Scale as ScaleView } from "../../views/scale.ts";
import type { CandidateView, Explanation } from "../../views/explain.ts";
import type { ReplicaView } from "../../views/replica.ts";
import type { HeartbeatReply } from "../../wire/heartbeat.ts";
import { BOUNDS } from "../../limits.ts";
import { LIMITS } from "../../routing/limits.ts";
import { exactly } from "./exactly.ts";
import { count, duration, flag, maybe, said, tally, text, time, whole, GRANTS } from "./schema-words.ts";

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
    load: v.exactOptional(
      v.pipe(v.array(v.string()), said("Advice for an idle replica: announced hints that nobody holds. Absent: none.")),
    ),
    evict: v.exactOptional(v.pipe(v.array(v.string()), said("The hints to evict for these. Absent: none."))),
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

export const Warmed = v.object({
  app: v.string(),
  hints: v.array(
    v.object({ hint: v.string(), replicas: count("Ready replicas that hold it."), loading: count("Those that load it.") }),
  ),
});
export const Drained = v.object({ app: v.string(), replica: v.string(), drained: v.boolean() });
export const Deleted = v.object({ app: v.string(), replica: v.string(), deleted: v.literal(true) });
