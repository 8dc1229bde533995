// A set of replicas that is looked through in a hint's hash order, up to 10,000 of them for one decision. What such a look reads of each
// stands in columns, and nearly all are passed over by those alone: fetched from the replicas, it would take several times as long.
import { score, upperBits, upperBitsOf, type NameHash, type Weighted } from "../rendezvous.ts";

/** The first of some replicas in a hint's order. */
export interface Leaders<R> {
  /** Those that may be used, at most as many as were asked for. */
  readonly first: readonly R[];
  /** The first of all, usable or not. */
  readonly leader: R | null;
}

const ROOM_AT_FIRST = 16;

/** In no order of its own. */
export class ReplicaIndex<R extends Weighted> implements Iterable<R> {
  readonly #rows = new Map<R, number>();
  readonly #members: R[] = [];
  /** Of each member: the upper half of its hash, and its weight. */
  #high = new Int32Array(ROOM_AT_FIRST);
  #weights = new Float64Array(ROOM_AT_FIRST);
  /** The greatest weight that any member has had. */
  #heaviest = 0;

  get size(): number {
    return this.#members.length;
  }

  has(member: R): boolean {
    return this.#rows.has(member);
  }

  /** Not to be used while the index changes: others may be passed over. */
  [Symbol.iterator](): Iterator<R> {
    return this.#members.values();
  }

  /** Also for a member whose weight has changed. O(1), amortised. */
  add(member: R): void {
    const known = this.#rows.get(member);
    const row = known ?? this.#members.push(member) - 1;
    this.#rows.set(member, row);
    if (row === this.#high.length) this.#widen();
    this.#high[row] = member.hash.high;
    this.#weights[row] = member.weight;
    this.#heaviest = Math.max(this.#heaviest, member.weight);
  }

  /** The last takes its row. O(1). */
  delete(member: R): void {
    const row = this.#rows.get(member);
    if (row === undefined) return;
    this.#rows.delete(member);
    const lastRow = this.#members.length - 1;
    const last = this.#members.pop();
    if (last === undefined || last === member) return;
    this.#rows.set(last, row);
    this.#members[row] = last;
    this.#high[row] = this.#high[lastRow] ?? 0;
    this.#weights[row] = this.#weights[lastRow] ?? 0;
  }

  /** One pass, O(members). */
  leaders(hash: NameHash, most: number, usable: (member: R) => boolean): Leaders<R> {
    const found = new Found<R>(most);
    this.#lookThrough(hash, (member) => {
      found.offer(member, score(hash, member), usable);
      return found.least;
    });
    return found;
  }

  /** Whether a member scores more than that for the hint. O(members), ending at the first that does. */
  hasAbove(hash: NameHash, its: number): boolean {
    let above = false;
    this.#lookThrough(
      hash,
      (member) => {
        above = score(hash, member) > its;
        return above ? null : its;
      },
      its,
    );
    return above;
  }

  /**
   * Shows all members but those that score less than `least` for certain. `show` says how much the next ones must score, which never becomes
   * less; null: enough has been seen.
   */
  #lookThrough(hash: NameHash, show: (member: R) => number | null, from = 0): void {
    const [members, high, weights] = [this.#members, this.#high, this.#weights];
    let least = from;
    // What the heaviest must have, which rules out most of the others, who must have more; and what one of this weight must.
    let neededAtLeast = upperBitsOf(least, this.#heaviest);
    let [weight, needed] = [0, 0];
    for (let row = 0; row < members.length; row++) {
      const bits = upperBits(hash, high[row] ?? 0);
      if (bits < neededAtLeast) continue;
      const its = weights[row] ?? 0;
      if (its !== weight) [weight, needed] = [its, upperBitsOf(least, its)];
      const member = members[row];
      if (bits < needed || member === undefined) continue;
      const next = show(member);
      if (next === null) return;
      if (next === least) continue;
      least = next;
      neededAtLeast = upperBitsOf(least, this.#heaviest);
      needed = upperBitsOf(least, weight);
    }
  }

  #widen(): void {
    const [high, weights] = [this.#high, this.#weights];
    this.#high = new Int32Array(2 * high.length);
    this.#high.set(high);
    this.#weights = new Float64Array(2 * weights.length);
    this.#weights.set(weights);
  }
}

/** As `ReplicaIndex.leaders`, of few. */
export function leadersOf<R extends Weighted>(
  members: Iterable<R>,
  hash: NameHash,
  most: number,
  usable: (member: R) => boolean,
): Leaders<R> {
  const found = new Found<R>(most);
  for (const member of members) found.offer(member, score(hash, member), usable);
  return found;
}

class Found<R> implements Leaders<R> {
  readonly first: R[] = [];
  leader: R | null = null;
  /** Whoever scores less is neither among the first nor leads; 0 while there are not as many as asked for. */
  least = 0;
  readonly #scores: number[] = [];
  readonly #most: number;
  #leads = 0;

  constructor(most: number) {
    this.#most = most;
  }

  offer(member: R, its: number, usable: (member: R) => boolean): void {
    if (its > this.#leads) [this.leader, this.#leads] = [member, its];
    if (its <= this.least || !usable(member)) return;
    const { first } = this;
    let place = Math.min(first.length, this.#most - 1);
    while (place > 0 && (this.#scores[place - 1] ?? Infinity) < its) place--;
    first.splice(place, 0, member);
    this.#scores.splice(place, 0, its);
    first.length = this.#scores.length = Math.min(first.length, this.#most);
    if (first.length === this.#most) this.least = this.#scores[this.#most - 1] ?? 0;
  }
}
