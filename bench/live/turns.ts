// Turns at a replica: as many at once as it takes, the rest in order of arrival.
export class Turns {
  readonly #atOnce: number;
  readonly #waiting: (() => void)[] = [];
  #taken = 0;

  constructor(atOnce: number) {
    this.#atOnce = atOnce;
  }

  /** Takes a turn and keeps it until the signal. Throws where that comes first. */
  async take(until: AbortSignal): Promise<void> {
    until.throwIfAborted();
    if (this.#taken < this.#atOnce) this.#taken++;
    else await this.#wait(until);
    if (until.aborted) this.#giveBack();
    until.throwIfAborted();
    until.addEventListener("abort", () => this.#giveBack(), { once: true });
  }

  #wait(until: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    const leave = () => {
      const place = this.#waiting.indexOf(resolve);
      if (place < 0) return;
      this.#waiting.splice(place, 1);
      reject(until.reason as Error);
    };
    until.addEventListener("abort", leave, { once: true });
    return promise;
  }

  /** To who waits longest, where anybody does. */
  #giveBack(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#taken--;
    else next();
  }
}
