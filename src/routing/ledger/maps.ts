// Maps of sets that never hold an empty set, and maps that forget what is oldest. All O(1).

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
