// The control plane's answers as schemas. Each is held to the type that src/views or an object gives: the type checker refuses one that has a field
// more, a field less or another type. They make the document; nothing is validated with them in production.
import * as v from "valibot";
import type { ListedApp } from "../../../durable-objects/directory.ts";
import type { FleetView } from "../../../durable-objects/fleet-answers.ts";
import type { CandidateView, Explanation } from "../../views/explain.ts";
import type { ReplicaView } from "../../views/replica.ts";
import type { HeartbeatReply } from "../../wire/heartbeat-exchange.ts";
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

export const Drained = v.object({ app: v.string(), replica: v.string(), drained: v.boolean() });
export const Deleted = v.object({ app: v.string(), replica: v.string(), deleted: v.literal(true) });
