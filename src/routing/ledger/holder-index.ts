// By hint: the replicas that hold it, and those of them that have a free slot. Most hints of a large fleet have one holder or few, so these take hardly
// any memory, and their free holders are looked for. A hint of many holders has a set of each.
import type { Replica } from "./replica.ts";

/** So many holders are looked through. */
const FEW = 8;

class Many {
  readonly all: Set<Replica>;
  readonly free: Set<Replica>;
  /** As `free.size`, which takes longer to read. */
  hasFree: boolean;

  constructor(holders: readonly Replica[]) {
    this.all = new Set(holders);
    this.free = new Set(holders.filter(isFree));
    this.hasFree = this.free.size > 0;
  }

  noteFree(replica: Replica): void {
    if (replica.isFree) this.free.add(replica);
    else this.free.delete(replica);
    this.hasFree = this.free.size > 0;
  }

  add(replica: Replica): void {
    this.all.add(replica);
    this.noteFree(replica);
  }

  delete(replica: Replica): void {
    this.all.delete(replica);
    this.free.delete(replica);
    this.hasFree = this.free.size > 0;
  }
}

const NONE: readonly Replica[] = [];

export class HolderIndex {
  readonly #holders = new Map<string, Replica | Replica[] | Many>();

  /** Hints that any replica holds. */
  get size(): number {
    return this.#holders.size;
  }

  hints(): Iterable<string> {
    return this.#holders.keys();
  }

  /** The holders of the hint, in the order in which they came. */
  of(hint: string): Iterable<Replica> {
    const its = this.#holders.get(hint);
    return its instanceof Many ? its.all : listOf(its);
  }

  /** Those of the holders that have a free slot. */
  freeOf(hint: string): Iterable<Replica> {
    const its = this.#holders.get(hint);
    return its instanceof Many ? its.free : listOf(its).filter(isFree);
  }

  count(hint: string): number {
    const its = this.#holders.get(hint);
    return its instanceof Many ? its.all.size : listOf(its).length;
  }

  hasFree(hint: string): boolean {
    const its = this.#holders.get(hint);
    return its instanceof Many ? its.hasFree : listOf(its).some(isFree);
  }

  /** The replica holds the hint. */
  add(hint: string, replica: Replica): void {
    const its = this.#holders.get(hint);
    if (its === undefined) this.#holders.set(hint, replica);
    else if (its instanceof Many) its.add(replica);
    else if (!Array.isArray(its)) {
      if (its !== replica) this.#holders.set(hint, [its, replica]);
    } else if (!its.includes(replica)) {
      its.push(replica);
      if (its.length > FEW) this.#holders.set(hint, new Many(its));
    }
  }

  /** The replica does not hold the hint any more. */
  delete(hint: string, replica: Replica): void {
    const its = this.#holders.get(hint);
    if (its instanceof Many) {
      its.delete(replica);
      // Far fewer than make a set, so that a hint does not change its form all the time.
      if (its.all.size <= FEW / 2) this.#holders.set(hint, [...its.all]);
    } else if (Array.isArray(its)) {
      const row = its.indexOf(replica);
      if (row >= 0) its.splice(row, 1);
      if (its.length === 1) this.#holders.set(hint, its[0]!);
    } else if (its === replica) this.#holders.delete(hint);
  }

  /** The replica, which holds the hint, has got a free slot or has none any more. */
  noteFree(hint: string, replica: Replica): void {
    const its = this.#holders.get(hint);
    if (its instanceof Many) its.noteFree(replica);
  }
}

function listOf(its: Replica | Replica[] | undefined): readonly Replica[] {
  if (its === undefined) return NONE;
  return Array.isArray(its) ? its : [its];
}

function isFree(replica: Replica): boolean {
  return replica.isFree;
}
