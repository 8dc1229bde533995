// Something that an isolate has only so much of, shared out to requests. When a client resets, the runtime ends its request without running
// another line of it, `finally` included, and what it held is never given back. So a share is a lease, which only the living renew.

export interface Share {
  readonly amount: number;
}

export class Room {
  readonly leaseMs: number;
  readonly #capacity: number;
  #taken = 0;
  /** By the end of their leases, the next first. */
  readonly #ends = new Map<Share, number>();

  constructor(capacity: number, leaseMs: number) {
    this.#capacity = capacity;
    this.leaseMs = leaseMs;
  }

  /** A share for as long as a lease; null: there is no room for it. O(1), and O(leases that have ended) where room is short. */
  take(amount: number, now: number): Share | null {
    if (this.#taken + amount > this.#capacity) this.#sweep(now);
    if (this.#taken + amount > this.#capacity) return null;
    const share = { amount };
    this.renew(share, now);
    return share;
  }

  /** The share is needed for another lease from now on; also one whose lease has ended. O(1). */
  renew(share: Share, now: number): void {
    this.giveBack(share);
    this.#taken += share.amount;
    this.#ends.set(share, now + this.leaseMs);
  }

  /** Idempotent. O(1). */
  giveBack(share: Share): void {
    if (this.#ends.delete(share)) this.#taken -= share.amount;
  }

  /** What is taken. O(1), and O(leases that have ended). */
  taken(now: number): number {
    this.#sweep(now);
    return this.#taken;
  }

  #sweep(now: number): void {
    for (const [share, endsAtMs] of this.#ends) {
      if (endsAtMs > now) return;
      this.giveBack(share);
    }
  }
}

/** Renews the share for as long as the request lives that calls this, or until the function that it gives is called: then the share is given back. */
export function keepAlive(room: Room, share: Share): () => void {
  const timer = setInterval(() => room.renew(share, Date.now()), room.leaseMs / 3);
  return () => {
    clearInterval(timer);
    room.giveBack(share);
  };
}
