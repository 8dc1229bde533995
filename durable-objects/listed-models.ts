// The fleet's hints as a list of models, made anew only if the last list is old: clients ask as often as they like.
import { BOUNDS } from "../src/limits.ts";
import type { Fleet } from "../src/routing/ledger/fleet.ts";
import { modelsOf, type ModelList } from "../src/views/models.ts";

export class ListedModels {
  readonly #fleet: Fleet;
  #list: ModelList | null = null;
  #atMs = -Infinity;

  constructor(fleet: Fleet) {
    this.#fleet = fleet;
  }

  /** The list, `modelsAgeMs` old at most. O(hints of all replicas) so often at most. */
  at(now: number): ModelList {
    if (this.#list === null || now - this.#atMs >= BOUNDS.modelsAgeMs) {
      this.#list = modelsOf(this.#fleet, now);
      this.#atMs = now;
    }
    return this.#list;
  }
}
