// Hints that the fleet held once and holds no more, as far as the object remembers. They tell a load that an eviction caused from a first one.
import { LIMITS } from "../limits.ts";
import { hashName } from "../rendezvous.ts";

/** Half of a hash stands for a name: a collision counts one load as another kind. */
export class LostHints {
  /** Longest ago first. */
  readonly #lost = new Set<number>();

  add(hint: string): void {
    const { low } = hashName(hint);
    this.#lost.delete(low);
    this.#lost.add(low);
    if (this.#lost.size <= LIMITS.learnedHints) return;
    const [oldest] = this.#lost;
    if (oldest !== undefined) this.#lost.delete(oldest);
  }

  has(hint: string): boolean {
    return this.#lost.has(hashName(hint).low);
  }
}
