// A map that costs next to nothing while it is empty, maps of sets that never hold an empty set, and maps that forget what is oldest. All O(1).

/** A map that takes memory only while it has entries. Each of many replicas has several, most of them empty. */
export class LazyMap<K, V> implements Iterable<[K, V]> {
  #map: Map<K, V> | null = null;

  get size(): number {
    return this.#map === null ? 0 : this.#map.size;
  }

  get(key: K): V | undefined {
    return this.#map === null ? undefined : this.#map.get(key);
  }

  has(key: K): boolean {
    return this.#map !== null && this.#map.has(key);
  }

  set(key: K, value: V): void {
    (this.#map ??= new Map()).set(key, value);
  }

  delete(key: K): boolean {
    if (this.#map === null) return false;
    const was = this.#map.delete(key);
    if (this.#map.size === 0) this.#map = null;
    return was;
  }

  keys(): Iterable<K> {
    return this.#map === null ? NONE : this.#map.keys();
  }

  values(): Iterable<V> {
    return this.#map === null ? NONE : this.#map.values();
  }

  [Symbol.iterator](): Iterator<[K, V]> {
    return (this.#map ?? NO_ENTRIES)[Symbol.iterator]();
  }
}

const NONE: readonly never[] = [];
const NO_ENTRIES: readonly [never, never][] = [];

export function put<T>(index: Map<string, Set<T>>, name: string, one: T): void {
  const its = index.get(name);
  if (its === undefined) index.set(name, new Set([one]));
  else its.add(one);
}

export function drop<T>(index: Map<string, Set<T>>, name: string, one: T): void {
  const its = index.get(name);
  its?.delete(one);
  if (its?.size === 0) index.delete(name);
}

/** Sets the entry as the newest. Forgets the oldest entry if there are more than `most`. */
export function setNewest<K, V>(map: Map<K, V>, key: K, value: V, most: number): void {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.size > most ? map.keys() : [];
  if (oldest !== undefined) map.delete(oldest);
}
