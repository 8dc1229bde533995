// From what a look shows to what a heartbeat says: the server's names become hints, by --alias or as they are.
import type { Look, Names } from "./adapters/adapter.ts";

/** Hints by the server's name of a model. An alias replaces the names that the server gives the model. */
export type Aliases = ReadonlyMap<string, readonly string[]>;

export interface Held {
  /** Null: the server does not say what it holds. */
  readonly hints: readonly string[] | null;
  readonly hintSlots: number | null;
}

/**
 * `slots`: models that fit, by --hint-slots. A model may have several hints, so `hintSlots` is what is held and one more for each model that still fits:
 * what the router needs is how many more it can send there before something goes.
 */
export function heldHints({ models, slots }: Look, isGuess: boolean, aliases: Aliases, asked: number | null): Held {
  const fit = asked ?? slots;
  if (models === null) return { hints: null, hintSlots: fit };
  const held = isGuess && fit !== null ? models.slice(-fit) : models;
  const hints = [...new Set(held.flatMap((names) => hintsOf(names, aliases)))];
  return { hints, hintSlots: fit === null ? null : hints.length + Math.max(fit - held.length, 0) };
}

function hintsOf(names: Names, aliases: Aliases): readonly string[] {
  const aliased = names.flatMap((name) => aliases.get(name) ?? []);
  return aliased.length > 0 ? aliased : names;
}
