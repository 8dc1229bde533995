// From what a look shows to what a heartbeat says: the server's names become hints, by --alias or as they are.
import type { Look, Names } from "./adapters/adapter.ts";
import { LIMITS } from "./limits.ts";

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
  if (models === null) return { hints: null, hintSlots: bounded(fit, LIMITS.models) };
  const held = isGuess && fit !== null ? models.slice(Math.max(models.length - fit, 0)) : models;
  const hints = [...new Set(held.flatMap((names) => hintsOf(names, aliases)))];
  const room = fit === null ? null : Math.max(fit - held.length, 0);
  return { hints, hintSlots: room === null ? null : bounded(hints.length + room, LIMITS.models) };
}

/** No more than the router takes. */
export function bounded<Count extends number | null>(count: Count, most: number): Count | number {
  return count === null ? count : Math.min(count, most);
}

/** The server's name of the model that a hint stands for: one that `--alias` gives the hint, else the hint itself. */
export function nameOf(hint: string, aliases: Aliases): string {
  for (const [name, hints] of aliases) if (hints.includes(hint)) return name;
  return hint;
}

function hintsOf(names: Names, aliases: Aliases): readonly string[] {
  const aliased = names.flatMap((name) => aliases.get(name) ?? []);
  return aliased.length > 0 ? aliased : names;
}
