// What the generators draw: numbers, choices, bytes, all from one seed.
import { seeded, type Random } from "../../bench/simulate/random.ts";

export class Draw {
  readonly #next: Random;

  constructor(seed: number) {
    this.#next = seeded(seed);
  }

  /** An integer from `min` to `max`, both included. */
  int(min: number, max: number): number {
    return min + Math.floor(this.#next() * (max - min + 1));
  }

  chance(probability: number): boolean {
    return this.#next() < probability;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.int(0, list.length - 1)] as T;
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.int(0, 255)));
  }

  /** So many characters out of `alphabet`. */
  text(length: number, alphabet: string): string {
    return Array.from({ length }, () => alphabet[this.int(0, alphabet.length - 1)]).join("");
  }

  word(maxLength = 12): string {
    return this.text(this.int(1, maxLength), "abcdefghijklmnopqrstuvwxyz0123456789");
  }

  shuffled<T>(list: readonly T[]): T[] {
    const rest = [...list];
    return list.flatMap(() => rest.splice(this.int(0, rest.length - 1), 1));
  }
}
