// What the router logged, counted by what it says: a long run can log the same line thousands of times.
const KINDS_MOST = 50;
const LENGTH_MOST = 120;

/** A line of JSON counts by its message and error, another by its beginning. */
export function logCounts(): { readonly counts: Readonly<Record<string, number>>; readonly take: (line: string) => void } {
  const counts: Record<string, number> = {};
  const take = (line: string) => {
    const known = counts[kindOf(line)] !== undefined || Object.keys(counts).length < KINDS_MOST;
    const kind = known ? kindOf(line) : "other lines";
    counts[kind] = (counts[kind] ?? 0) + 1;
  };
  return { counts, take };
}

function kindOf(line: string): string {
  const said = /^{"message":"([^"]*)"(?:.*"error":"([^"]*)")?/.exec(line);
  const words = said === null ? line : [said[1], said[2]].filter((word) => word !== undefined).join(": ");
  return words.slice(0, LENGTH_MOST);
}
