// So many at once and no more: who comes later waits in line. A GPU with room for one request at a time needs no more than that.

export class Semaphore {
  #free: number;
  /** First come, first served. */
  readonly #waiting: (() => void)[] = [];

  constructor(atOnce: number) {
    this.#free = atOnce;
  }

  /** Resolves when it is this caller's turn. Each turn is given back by one `release`. */
  async acquire(): Promise<void> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** The turn goes to who has waited longest. */
  release(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free++;
    else next();
  }
}
