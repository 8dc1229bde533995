// A set of replicas that can be searched in a hint's hash order. One decision may search 10,000 replicas. What a search reads of each replica stands
// in columns, and these alone rule out nearly all replicas. Without the columns a search would take several times as long.
import { score, upperBits, upperBitsOf, type NameHash, type Weighted } from "../rendezvous.ts";

const CAPACITY_AT_FIRST = 16;

/** The members are in no particular order. */
export class ReplicaIndex<R extends Weighted> implements Iterable<R> {
  readonly #rows = new Map<R, number>();
  readonly #members: R[] = [];
  /** The upper half of each member's hash, and each member's weight. */
  #high = new Int32Array(CAPACITY_AT_FIRST);
  #weights = new Float64Array(CAPACITY_AT_FIRST);
  /** The greatest weight that any member has had. */
  #heaviest = 0;

  get size(): number {
    return this.#members.length;
  }

  has(member: R): boolean {
    return this.#rows.has(member);
  }

  /** The index must not change meanwhile: the iteration could leave members out. */
  [Symbol.iterator](): Iterator<R> {
    return this.#members.values();
  }

  /** Adds the member, or notes the new weight of a known one. O(1), amortised. */
  add(member: R): void {
    const known = this.#rows.get(member);
    const row = known ?? this.#members.push(member) - 1;
    this.#rows.set(member, row);
    if (row === this.#high.length) this.#widen();
    this.#high[row] = member.hash.high;
    this.#weights[row] = member.weight;
    this.#heaviest = Math.max(this.#heaviest, member.weight);
  }

  /** The last member takes the row of the deleted one. O(1). */
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

  /** The first usable members in the order of a hint, at most so many. One pass, O(members). */
  first(hash: NameHash, most: number, usable: (member: R) => boolean = () => true): readonly R[] {
    const found: R[] = [];
    const scores: number[] = [];
    // A member that scores less than `least` is not among the first, and most members are ruled out by their upper bits alone. `needed`: the bits
    // that a member of this weight needs to score `least`. `neededByAny`: the bits that the heaviest member needs.
    let [least, neededByAny, needed, weight] = [0, 0, 0, 0];
    for (let row = 0; row < this.#members.length; row++) {
      const bits = upperBits(hash, this.#high[row] ?? 0);
      if (bits < neededByAny) continue;
      const itsWeight = this.#weights[row] ?? 0;
      if (itsWeight !== weight) [weight, needed] = [itsWeight, upperBitsOf(least, itsWeight)];
      const member = this.#members[row];
      if (bits < needed || member === undefined) continue;
      const its = score(hash, member);
      if (its <= least || !usable(member)) continue;
      let place = Math.min(found.length, most - 1);
      while (place > 0 && (scores[place - 1] ?? Infinity) < its) place--;
      found.splice(place, 0, member);
      scores.splice(place, 0, its);
      found.length = scores.length = Math.min(found.length, most);
      if (found.length < most) continue;
      least = scores[most - 1] ?? 0;
      [neededByAny, needed] = [upperBitsOf(least, this.#heaviest), upperBitsOf(least, weight)];
    }
    return found;
  }

  /** Whether another member is before this replica in the order of a hint. O(members), and O(1) if many are. */
  hasBefore(hash: NameHash, replica: R): boolean {
    const its = score(hash, replica);
    const neededByAny = upperBitsOf(its, this.#heaviest);
    for (let row = 0; row < this.#members.length; row++) {
      if (upperBits(hash, this.#high[row] ?? 0) < neededByAny) continue;
      const member = this.#members[row];
      if (member !== undefined && member !== replica && score(hash, member) > its) return true;
    }
    return false;
  }

  #widen(): void {
    const [high, weights] = [this.#high, this.#weights];
    this.#high = new Int32Array(2 * high.length);
    this.#high.set(high);
    this.#weights = new Float64Array(2 * weights.length);
    this.#weights.set(weights);
  }
}
