// How often one request may be sent: who has failed it, and whether another replica may be tried.
import { BOUNDS } from "../limits.ts";

/** What is known of a failed attempt. */
export interface Tried {
  readonly replica: string;
  /** How long it was with the replica. */
  readonly afterMs: number;
  /** It may never have got there. */
  readonly unreached: boolean;
  /** The replica's own word on whether to try again; null: it gave none. */
  readonly word: boolean | null;
}

export class Tries {
  /** Replicas that have failed the request. */
  readonly failed: string[] = [];
  readonly #most: number;
  /** Repeating it does no harm, by its method (RFC 9110 9.2.2). */
  readonly #idempotent: boolean;
  #counted = 0;
  #uncounted = 0;

  /** `most`: MAX_ATTEMPTS. */
  constructor(most: number, method: string) {
    this.#most = most;
    this.#idempotent = method !== "POST" && method !== "PATCH";
  }

  /** An attempt has failed. Says whether there may be another. */
  mayGoOn({ replica, afterMs, unreached, word }: Tried): boolean {
    this.failed.push(replica);
    if (unreached && this.#uncounted < BOUNDS.unreachedAttempts) this.#uncounted++;
    else this.#counted++;
    if (this.#counted >= this.#most) return false;
    return word === true || this.#idempotent || afterMs < BOUNDS.repeatWithinMs;
  }
}
