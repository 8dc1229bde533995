// Which known name a misspelt one most likely means.

/** The known name that differs in the fewest letters, whatever their case, and in at most a quarter of its own; null: there is none. */
export function nearName(text: string, known: Iterable<string>): string | null {
  let nearest: string | null = null;
  let least = Infinity;
  for (const name of known) {
    const most = Math.floor(name.length / 4);
    if (Math.abs(name.length - text.length) > most) continue;
    const wrong = editDistance(text.toLowerCase(), name.toLowerCase());
    if (wrong > most || wrong >= least) continue;
    [nearest, least] = [name, wrong];
  }
  return nearest;
}

/** Letters to insert, drop or replace, and neighbours to swap, until `a` is `b` (optimal string alignment). O(a × b). */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    const at = (cells: readonly number[], j: number) => cells[j] ?? Infinity;
    for (let j = 1; j <= b.length; j++) {
      const replaced = at(last, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? at(before, j - 2) + 1 : Infinity;
      row.push(Math.min(at(last, j) + 1, at(row, j - 1) + 1, replaced, swapped));
    }
    [before, last] = [last, row];
  }
  return last[b.length] ?? Infinity;
}
