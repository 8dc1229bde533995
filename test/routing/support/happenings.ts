// What can happen to the world of world.ts.
import type { AnswerKind, Failure } from "../../../src/routing/health/outcome.ts";
import type { Priority } from "../../../src/routing/policy/priority.ts";
import type { Said } from "./fleets.ts";

export type Command =
  | { readonly does: "wait"; readonly ms: number }
  /** `process`: 0 the newest known, 1 a new one, -1 the one before. `sequence`: rising, absent, or the first again. */
  | {
      readonly does: "report";
      readonly replica: string;
      readonly process: -1 | 0 | 1;
      readonly sequence: "next" | "none" | "old";
      /** Whose origin it has: that of a replica that was or is; null: its own. */
      readonly at: string | null;
      readonly said: Said;
    }
  | {
      readonly does: "arrive";
      readonly hints: readonly string[];
      readonly avoid: readonly string[];
      readonly timeoutMs: number;
      readonly queueLengthMax: number | null;
      readonly declaredMs: number | null;
      readonly priority: Priority;
    }
  /** `which` picks one of the requests that have not ended. */
  | { readonly does: "fail"; readonly which: number; readonly failure: Failure }
  | { readonly does: "end" | "endTwice"; readonly which: number }
  | { readonly does: "answer"; readonly which: number; readonly kind: AnswerKind; readonly hints: readonly string[] | null }
  | { readonly does: "drain" | "undrain" | "delete"; readonly replica: string };
