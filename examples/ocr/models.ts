// The models in memory: at most a fixed number, of which the least recently used makes room. A model is a thread of its own with Tesseract as WebAssembly and
// one language, so that its memory is really given back when the thread ends.
import { createRequire } from "node:module";
import path from "node:path";
import { createWorker, OEM, type Worker } from "tesseract.js";
import type { Language } from "./languages.ts";

/** For one request at a time: a model that is being used is not protected from another request's load. */
export class Models {
  readonly slots: number;
  /** How many have been loaded since the start. */
  loads = 0;
  /** The least recently used first: a Map keeps the order of insertion. */
  readonly #held = new Map<Language, Worker>();

  constructor(slots: number) {
    this.slots = slots;
  }

  held(): readonly Language[] {
    return [...this.#held.keys()];
  }

  /** The language's model, loaded if need be; `loadMs` null: it was there. A load that fails leaves the slot empty. */
  async use(language: Language): Promise<{ readonly model: Worker; readonly loadMs: number | null }> {
    const held = this.#held.get(language);
    if (held !== undefined) {
      this.#held.delete(language);
      this.#held.set(language, held);
      return { model: held, loadMs: null };
    }
    const startedAtMs = performance.now();
    await this.#makeRoom();
    const model = await load(language);
    this.loads++;
    this.#held.set(language, model);
    return { model, loadMs: performance.now() - startedAtMs };
  }

  async #makeRoom(): Promise<void> {
    for (const [language, model] of this.#held) {
      if (this.#held.size < this.slots) return;
      this.#held.delete(language);
      await model.terminate();
    }
  }
}

const require = createRequire(import.meta.url);

/** Of the two models in a language's package the one that tesseract.js takes by itself: neural, with integer weights. Nothing is kept on disk. */
async function load(language: Language): Promise<Worker> {
  const folder = path.dirname(require.resolve(`@tesseract.js-data/${language}/package.json`));
  // Of a load that fails tesseract.js tells the handler alone. Without one, a picture that can't be read would end the process.
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => {});
  const errorHandler = (error: unknown) => failed.reject(new Error(`${language}: ${String(error)}`));
  const options = { langPath: path.join(folder, "4.0.0_best_int"), cacheMethod: "none", errorHandler };
  return Promise.race([createWorker(language, OEM.LSTM_ONLY, options), failed.promise]);
}
