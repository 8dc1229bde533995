// Waits with an end. All that one request waits for shares one timer of the runtime, because most requests are over before anything is due: setting and
// clearing a timer for each wait would cost more than the waits.
import { BOUNDS } from "../limits.ts";

/** The result of a wait that took too long. */
export const TOO_LATE = Symbol("too late");

interface Due {
  readonly atMs: number;
  readonly ring: () => void;
}

/** For one request: the runtime ends its timer with the request. */
export class Alarm {
  readonly #due = new Set<Due>();
  #timer: { readonly handle: ReturnType<typeof setTimeout>; readonly atMs: number } | null = null;

  /** Calls the function after so many ms. Gives a function that calls that off. O(1); O(waits) when the timer fires. */
  after(ms: number, ring: () => void): () => void {
    const now = Date.now();
    const due = { atMs: now + ms, ring };
    this.#due.add(due);
    this.#wake(Math.min(ms, BOUNDS.alarmTickMs), now);
    return () => this.#due.delete(due);
  }

  /**
   * The promise's value, or `TOO_LATE` if that takes longer than `ms`. A value that comes later goes to `late`, which must give back what the value
   * holds. An error that comes later is ignored.
   */
  within<T>(promise: Promise<T>, ms: number, late: (value: T) => void = () => {}): Promise<T | typeof TOO_LATE> {
    return new Promise((resolve, reject) => {
      let isLate = false;
      const callOff = this.after(ms, () => {
        isLate = true;
        resolve(TOO_LATE);
      });
      promise.then(
        (value) => {
          callOff();
          if (isLate) late(value);
          else resolve(value);
        },
        (error: unknown) => {
          callOff();
          reject(error);
        },
      );
    });
  }

  #wake(ms: number, now: number): void {
    const atMs = now + ms;
    if (this.#timer !== null && this.#timer.atMs <= atMs) return;
    if (this.#timer !== null) clearTimeout(this.#timer.handle);
    this.#timer = { handle: setTimeout(() => this.#fire(), ms), atMs };
  }

  #fire(): void {
    this.#timer = null;
    const now = Date.now();
    let nextMs = Infinity;
    for (const due of this.#due) {
      if (due.atMs > now) nextMs = Math.min(nextMs, due.atMs - now);
      else {
        this.#due.delete(due);
        due.ring();
      }
    }
    // A timer of the runtime takes at most 2^31 - 1 ms.
    if (nextMs < Infinity) this.#wake(Math.min(nextMs, BOUNDS.alarmMostMs), now);
  }
}
