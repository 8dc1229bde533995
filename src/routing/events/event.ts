// What happens to a fleet that an operator would want to have seen, as plain data. src/views/events.ts puts it into words.
import type { Failure } from "../health/outcome.ts";
import type { ReplicaStatus } from "../ledger/report.ts";
import type { LoadKind } from "../metrics/labels.ts";

/** What happens to the app, or to one of its replicas. Times are in ms. */
export type Happening =
  /** `restored`: replicas that storage knew. `hibernated`: they were only asleep, and nothing was lost. */
  | { readonly kind: "object_started"; readonly restored: number; readonly hibernated: boolean }
  | ({ readonly replica: string } & ReplicaHappening);

type ReplicaHappening =
  /** A process that comes back after it had left may still be drained, or ejected or on probation. */
  | ({ readonly kind: "joined"; readonly drained: boolean; readonly unhealthy: boolean } & Joined)
  /** The same replica in a new incarnation. */
  | ({ readonly kind: "restarted"; readonly incarnation: number } & Joined)
  /** Its status is another one. */
  | { readonly kind: ReplicaStatus; readonly before: ReplicaStatus; readonly running: number }
  /** By an administrator. */
  | { readonly kind: "drained" | "undrained"; readonly running: number }
  /** It has left: by its own word, because it was silent, by an administrator, because `by` reports its origin. `running`: its requests. */
  | { readonly kind: "stopped" | "expired" | "removed"; readonly running: number }
  | { readonly kind: "replaced"; readonly by: string; readonly origin: string }
  /** `ejections`: since it was last trusted, this one included. `detail`: a few fixed words of the edge, or nothing. */
  | {
      readonly kind: "ejected";
      readonly failure: Failure["kind"];
      readonly detail: string;
      readonly forMs: number;
      readonly ejections: number;
    }
  /** `ejectedFor`: what is disproved. */
  | { readonly kind: "trusted"; readonly ejectedFor: Failure["kind"] }
  /** It is passed over for the hint alone. */
  | { readonly kind: "hint_failed"; readonly hint: string; readonly forMs: number }
  /** `loadMs`: how much longer than a warm request it took. `evicts`: the hint that it was expected to evict, as the router chose it; null: none. */
  | {
      readonly kind: "loaded";
      readonly hint: string;
      readonly loadMs: number;
      readonly load: LoadKind;
      readonly evicts: string | null;
    }
  /** It should load the hint that a client announced, and evict the other; null: it has space. */
  | { readonly kind: "advised"; readonly hint: string; readonly evicts: string | null }
  /** It does not hold these any more, and so many more that are not named. */
  | { readonly kind: "dropped"; readonly hints: readonly string[]; readonly more: number };

interface Joined {
  readonly origin: string;
  readonly status: ReplicaStatus;
  readonly concurrency: number;
  /** How many it lists; null: it does not specialise. */
  readonly hints: number | null;
}

export type EventKind = Happening["kind"];

/** `sequence` rises by one with each event of an object's life, from 1 on. */
export type FleetEvent = Happening & { readonly sequence: number; readonly atMs: number };
