// A set of replicas that is looked through in a hint's hash order, up to 10,000 of them for one decision. What such a look reads of each
// stands in a column, and nearly all are passed over by that alone: fetched from the replicas, it would take ten times as long.
import { score, upperBits, upperBitsOf, type NameHash, type Weighted } from "./rendezvous.ts";

/** The first of some replicas in a hint's order. */
export interface Leaders<R> {
  /** Those that may be used, at most as many as were asked for. */
  readonly first: readonly R[];
  /** The first of all, usable or not. */
  readonly leader: R | null;
}

const ROOM_AT_FIRST = 16;

/** In no order of its own. */
export class Crowd<R extends Weighted> implements Iterable<R> {
  readonly #rows = new Map<R, number>();
  readonly #members: R[] = [];
  /** Of each member's hash, the upper half. */
  #high = new Int32Array(ROOM_AT_FIRST);
  /** No member's weight is more. */
  #heaviest = 0;

  get size(): number {
    return this.#members.length;
  }

  has(member: R): boolean {
    return this.#rows.has(member);
  }

  [Symbol.iterator](): Iterator<R> {
    return this.#members.values();
  }

  /** Also for a member whose weight has changed. O(1), amortised. */
  add(member: R): void {
    this.#heaviest = Math.max(this.#heaviest, member.weight);
    if (this.#rows.has(member)) return;
    const row = this.#members.push(member) - 1;
    this.#rows.set(member, row);
    if (row === this.#high.length) {
      const wider = new Int32Array(2 * row);
      wider.set(this.#high);
      this.#high = wider;
    }
    this.#high[row] = member.hash.high;
  }

  /** The last takes its row. O(1). */
  delete(member: R): void {
    const row = this.#rows.get(member);
    const last = this.#members.at(-1);
    if (row === undefined || last === undefined) return;
    this.#rows.delete(member);
    this.#members.pop();
    if (last === member) return;
    this.#members[row] = last;
    this.#high[row] = last.hash.high;
    this.#rows.set(last, row);
  }

  /** One pass, O(members). */
  leaders(hash: NameHash, most: number, usable: (member: R) => boolean): Leaders<R> {
    const found = new Found<R>(most);
    const [members, high] = [this.#members, this.#high];
    let needed = 0;
    for (let row = 0; row < members.length; row++) {
      if (upperBits(hash, high[row] ?? 0) < needed) continue;
      const member = members[row];
      if (member !== undefined && found.offer(member, score(hash, member), usable))
        needed = upperBitsOf(found.least, this.#heaviest);
    }
    return found;
  }

  /** Whether a member scores more than that for the hint. O(members), ending at the first that does. */
  hasAbove(hash: NameHash, its: number): boolean {
    const needed = upperBitsOf(its, this.#heaviest);
    const [members, high] = [this.#members, this.#high];
    for (let row = 0; row < members.length; row++) {
      if (upperBits(hash, high[row] ?? 0) < needed) continue;
      const member = members[row];
      if (member !== undefined && score(hash, member) > its) return true;
    }
    return false;
  }
}

/** As `Crowd.leaders`, of few. */
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

  /** Says whether it came among the first. */
  offer(member: R, its: number, usable: (member: R) => boolean): boolean {
    if (its > this.#leads) [this.leader, this.#leads] = [member, its];
    if (its <= this.least || !usable(member)) return false;
    const { first } = this;
    let place = Math.min(first.length, this.#most - 1);
    while (place > 0 && (this.#scores[place - 1] ?? Infinity) < its) place--;
    first.splice(place, 0, member);
    this.#scores.splice(place, 0, its);
    first.length = this.#scores.length = Math.min(first.length, this.#most);
    if (first.length === this.#most) this.least = this.#scores[this.#most - 1] ?? 0;
    return true;
  }
}
