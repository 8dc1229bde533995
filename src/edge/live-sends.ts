// Requests that this isolate has sent to replicas by itself and that are not over. When a client resets, the runtime ends its request without running
// another line of code. So a request that has not said for a while that it lives counts as over.
import { BOUNDS } from "../limits.ts";
import type { DirectSend } from "../routing/direct/report.ts";

export class LiveSends {
  /** When each counts as over, the next first. */
  readonly #untilMs = new Map<DirectSend, number>();

  get size(): number {
    return this.#untilMs.size;
  }

  /** The request lives, or begins. O(1). */
  renew(send: DirectSend, now: number): void {
    this.#untilMs.delete(send);
    this.#untilMs.set(send, now + BOUNDS.leaseMs);
  }

  /** The request is over. O(1). */
  end(send: DirectSend, whole: boolean, now: number): void {
    this.#untilMs.delete(send);
    send.finish(whole, now);
  }

  /** Ends those that have not been renewed. O(those). */
  sweep(now: number): void {
    for (const [send, untilMs] of this.#untilMs) {
      if (untilMs > now) return;
      this.end(send, false, now);
    }
  }
}
