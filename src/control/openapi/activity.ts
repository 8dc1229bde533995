// What an app's object tells of what happens, as schemas, in the way of answers.ts: the queue, who holds what, the last hour, events.
import * as v from "valibot";
import type { EventsView } from "../../views/events.ts";
import type { HistoryView } from "../../views/history.ts";
import type { MatrixView } from "../../views/matrix.ts";
import type { QueueView } from "../../views/queue.ts";
import { LIMITS } from "../../routing/limits.ts";
import { exactly } from "./exactly.ts";
import { count, duration, GRANTS, maybe, said, tally, text, time, whole } from "./schema-words.ts";

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

const EVENT_KINDS = [
  ...(["object_started", "joined", "restarted", "starting", "ready", "draining", "drained", "undrained"] as const),
  ...([
    "stopped",
    "expired",
    "removed",
    "replaced",
    "ejected",
    "trusted",
    "hint_failed",
    "loaded",
    "advised",
    "dropped",
  ] as const),
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
          hint: maybe(v.string(), "Of loaded, advised and hint_failed."),
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
