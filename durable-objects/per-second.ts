// A limit on how many of something come in one second of the clock.
export class PerSecond {
  readonly limit: number;
  #second = 0;
  #count = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  /** One more has come. Whether that is one too many in this second. O(1). */
  exceeded(now: number): boolean {
    const second = Math.floor(now / 1000);
    if (second !== this.#second) [this.#second, this.#count] = [second, 0];
    return ++this.#count > this.limit;
  }
}
