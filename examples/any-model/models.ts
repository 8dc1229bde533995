// The models in memory: at most a fixed number. The least recently used makes room. What a replica advertises comes from here.
import { setTimeout as sleep } from "node:timers/promises";
import { drawImage } from "./image.ts";

/** Nothing is downloaded or computed in this example: loading and drawing only take their time. Replace `loadModel`. */
export const SIMULATED_LOAD_MS = 2000;
export const SIMULATED_DRAW_MS = 700;

export interface Model {
  /** The image as SVG. Stops when the signal says that nobody waits for it any more. */
  draw(prompt: string, signal: AbortSignal): Promise<string>;
}

/** Stands for `DiffusionPipeline.from_pretrained(name).to("cuda")`. */
export async function loadModel(name: string): Promise<Model> {
  await sleep(SIMULATED_LOAD_MS);
  return {
    async draw(prompt, signal) {
      await sleep(SIMULATED_DRAW_MS, undefined, { signal });
      return drawImage(name, prompt);
    },
  };
}

/** More models would be in use at once than fit. */
export class NoRoomError extends Error {}

interface Entry {
  readonly model: Promise<Model>;
  loaded: boolean;
  /** Requests that wait for it or run on it; it is not evicted under them. */
  users: number;
}

/** Never holds more than `slots` models, those being loaded included: the memory is taken from a load's first moment. */
export class ModelCache {
  readonly slots: number;
  readonly #load: (name: string) => Promise<Model>;
  /** The least recently used first: a Map keeps the order of insertion. */
  readonly #entries = new Map<string, Entry>();

  constructor(slots: number, load: (name: string) => Promise<Model>) {
    this.slots = slots;
    this.#load = load;
  }

  /** Names of the loaded models. One that is being loaded is not among them: a request sent here for it would wait. */
  loaded(): string[] {
    return [...this.#entries].filter(([, entry]) => entry.loaded).map(([name]) => name);
  }

  /**
   * Runs `work` with the model, which stays in memory meanwhile. Requests for a model that is being loaded share that load.
   */
  async use<T>(name: string, work: (model: Model) => Promise<T>): Promise<T> {
    const entry = this.#entries.get(name) ?? this.#startLoading(name);
    this.#entries.delete(name);
    this.#entries.set(name, entry);
    entry.users++;
    try {
      return await work(await entry.model);
    } finally {
      entry.users--;
    }
  }

  /** Loads models that no request needs yet, in the place of those others if need be. */
  async preload(names: readonly string[], evict: readonly string[]): Promise<void> {
    for (const name of names) {
      if (this.#entries.has(name)) continue;
      for (const other of this.#entries.size < this.slots ? [] : evict) this.#drop(other);
      await this.#startLoading(name).model;
    }
  }

  #startLoading(name: string): Entry {
    this.#makeRoom();
    const entry: Entry = { model: this.#load(name), loaded: false, users: 0 };
    entry.model.then(
      () => (entry.loaded = true),
      // A failed load is forgotten, so that the next request tries again; those waiting for this one get its error.
      () => this.#entries.delete(name),
    );
    return entry;
  }

  #makeRoom(): void {
    if (this.#entries.size < this.slots) return;
    for (const name of this.#entries.keys()) if (this.#drop(name)) return;
    throw new NoRoomError(`all ${this.slots} models in memory are in use`);
  }

  /** Evicts the model if it is loaded and not in use. A real replica gives the model's GPU memory back here. */
  #drop(name: string): boolean {
    const entry = this.#entries.get(name);
    return entry?.users === 0 && entry.loaded && this.#entries.delete(name);
  }
}
