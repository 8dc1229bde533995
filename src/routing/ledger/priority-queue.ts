// A priority queue whose members may change places: a binary heap that knows where each member stands. The queue holds its own copy of each key, so the
// order stays true while what a key was made of changes. `set` tells the queue of the change.

export class PriorityQueue<T, K> {
  readonly #compare: (one: K, other: K) => number;
  readonly #rows = new Map<T, number>();
  /** Nobody comes before the member at half its row. */
  readonly #members: T[] = [];
  readonly #keys: K[] = [];

  /** `compare`: negative if the one comes before the other. */
  constructor(compare: (one: K, other: K) => number) {
    this.#compare = compare;
  }

  get size(): number {
    return this.#members.length;
  }

  has(member: T): boolean {
    return this.#rows.has(member);
  }

  /** The least key; undefined: there are no members. O(1). */
  get firstKey(): K | undefined {
    return this.#keys[0];
  }

  /** Adds the member, or gives it another key. O(log n). */
  set(member: T, key: K): void {
    const known = this.#rows.get(member);
    if (known !== undefined && this.#compare(key, this.#keys[known]!) === 0) return;
    const row = known ?? this.#members.length;
    this.#put(row, member, key);
    this.#settle(row);
  }

  /** O(log n). */
  delete(member: T): void {
    const row = this.#rows.get(member);
    if (row === undefined) return;
    this.#rows.delete(member);
    const last = this.#members.pop()!;
    const key = this.#keys.pop()!;
    if (last === member) return;
    this.#put(row, last, key);
    this.#settle(row);
  }

  /** The first usable member; null: there is none. O(members before it that are not usable). */
  first(usable: (member: T) => boolean): T | null {
    const found = this.#search(0, usable, -1);
    return found < 0 ? null : this.#members[found]!;
  }

  /** Takes out the members whose key is at most this one, and gives them. O(log n) for each. */
  takeUntil(key: K): T[] {
    const taken: T[] = [];
    while (this.#keys.length > 0 && this.#compare(this.#keys[0]!, key) <= 0) {
      const first = this.#members[0]!;
      taken.push(first);
      this.delete(first);
    }
    return taken;
  }

  /** The row of the first usable member at this row or below, if it comes before the member at the row `best`; else `best`. -1: no row. */
  #search(row: number, usable: (member: T) => boolean, best: number): number {
    if (row >= this.#members.length || (best >= 0 && !this.#isBefore(row, best))) return best;
    if (usable(this.#members[row]!)) return row;
    return this.#search(2 * row + 2, usable, this.#search(2 * row + 1, usable, best));
  }

  /** Moves the member at the row to its place. */
  #settle(row: number): void {
    const member = this.#members[row]!;
    const key = this.#keys[row]!;
    let place = row;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (this.#compare(key, this.#keys[parent]!) >= 0) break;
      this.#put(place, this.#members[parent]!, this.#keys[parent]!);
      place = parent;
    }
    for (let child = 2 * place + 1; child < this.#members.length; child = 2 * place + 1) {
      if (child + 1 < this.#members.length && this.#isBefore(child + 1, child)) child++;
      if (this.#compare(this.#keys[child]!, key) >= 0) break;
      this.#put(place, this.#members[child]!, this.#keys[child]!);
      place = child;
    }
    if (place !== row) this.#put(place, member, key);
  }

  #isBefore(row: number, other: number): boolean {
    return this.#compare(this.#keys[row]!, this.#keys[other]!) < 0;
  }

  #put(row: number, member: T, key: K): void {
    this.#members[row] = member;
    this.#keys[row] = key;
    this.#rows.set(member, row);
  }
}

/** For keys that are times. */
export function earlier(one: number, other: number): number {
  return one - other;
}
