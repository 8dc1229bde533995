// An index of sets by name, which never holds an empty one. O(1).

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
