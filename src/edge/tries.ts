// How often one request may be sent: which replicas have failed it, and whether another may be tried.
import { BOUNDS } from "../limits.ts";

/** What is known of a failed attempt. */
export interface Tried {
  readonly replica: string;
  /** How long the replica had the request. */
  readonly afterMs: number;
  /** The request may never have reached the replica. */
  readonly unreached: boolean;
  /** Whether to try again, by the replica's own word; null: it does not say. */
  readonly word: boolean | null;
}

export class Tries {
  /** Replicas that have failed the request. */
  readonly failed: string[] = [];
  readonly #most: number;
  /** By its method the request can be repeated without harm (RFC 9110 9.2.2). */
  readonly #idempotent: boolean;
  #counted = 0;
  #uncounted = 0;

  /** `most`: MAX_ATTEMPTS. */
  constructor(most: number, method: string) {
    this.#most = most;
    this.#idempotent = method !== "POST" && method !== "PATCH";
  }

  /** Notes a failed attempt. True: there may be another. */
  mayGoOn({ replica, afterMs, unreached, word }: Tried): boolean {
    this.failed.push(replica);
    if (unreached && this.#uncounted < BOUNDS.unreachedAttempts) this.#uncounted++;
    else this.#counted++;
    if (this.#counted >= this.#most) return false;
    return word === true || this.#idempotent || afterMs < BOUNDS.repeatWithinMs;
  }
}
