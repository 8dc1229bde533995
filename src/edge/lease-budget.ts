// Something that an isolate has only so much of, leased to requests. When a client resets, the runtime ends its request without running another line
// of code, `finally` included, so what the request held is never given back. So each amount is a lease, and only requests that live renew theirs.

export interface Lease {
  readonly amount: number;
}

export class LeaseBudget {
  readonly leaseMs: number;
  readonly #capacity: number;
  #taken = 0;
  /** When each lease ends, the next first. */
  readonly #ends = new Map<Lease, number>();

  constructor(capacity: number, leaseMs: number) {
    this.#capacity = capacity;
    this.leaseMs = leaseMs;
  }

  /** Null: less than that is left. O(1), and O(leases that have ended) when too little is left. */
  take(amount: number, now: number): Lease | null {
    if (this.#taken + amount > this.#capacity) this.#sweep(now);
    if (this.#taken + amount > this.#capacity) return null;
    const lease = { amount };
    this.renew(lease, now);
    return lease;
  }

  /** The lease now ends `leaseMs` from now. A lease that has ended begins again, even beyond the capacity. O(1). */
  renew(lease: Lease, now: number): void {
    this.giveBack(lease);
    this.#taken += lease.amount;
    this.#ends.set(lease, now + this.leaseMs);
  }

  /** Idempotent. O(1). */
  giveBack(lease: Lease): void {
    if (this.#ends.delete(lease)) this.#taken -= lease.amount;
  }

  /** The sum of all leases. O(1), and O(leases that have ended). */
  taken(now: number): number {
    this.#sweep(now);
    return this.#taken;
  }

  #sweep(now: number): void {
    for (const [lease, endsAtMs] of this.#ends) {
      if (endsAtMs > now) return;
      this.giveBack(lease);
    }
  }
}

/** Renews the lease for as long as the calling request lives. The function that it returns gives the lease back. */
export function keepAlive(budget: LeaseBudget, lease: Lease): () => void {
  const timer = setInterval(() => budget.renew(lease, Date.now()), budget.leaseMs / 3);
  return () => {
    clearInterval(timer);
    budget.giveBack(lease);
  };
}
