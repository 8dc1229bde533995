// How many heartbeats a fleet takes in a second.

export class HeartbeatRate {
  #second = 0;
  #count = 0;

  /** One more has come. Gives how many have in this second. */
  count(now: number): number {
    const second = Math.floor(now / 1000);
    if (second !== this.#second) [this.#second, this.#count] = [second, 0];
    return ++this.#count;
  }
}
