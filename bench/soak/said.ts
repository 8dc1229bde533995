// What the router logged, counted by what it says: a long run can log the same line thousands of times.
export class Said {
  readonly #counts = new Map<string, number>();

  /** A line of JSON counts by its message and error, another by its beginning. */
  readonly take = (line: string): void => {
    const kind = kindOf(line);
    const known = this.#counts.has(kind) || this.#counts.size < KINDS_MOST;
    const name = known ? kind : "other lines";
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  };

  /** Most first. */
  get counts(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#counts].sort(([, a], [, b]) => b - a));
  }
}

const KINDS_MOST = 50;
const LENGTH_MOST = 120;

function kindOf(line: string): string {
  try {
    const { message, error } = JSON.parse(line) as { readonly message?: unknown; readonly error?: unknown };
    if (typeof message === "string") return (typeof error === "string" ? `${message}: ${error}` : message).slice(0, LENGTH_MOST);
  } catch {
    // Not the Worker's own.
  }
  return line.slice(0, LENGTH_MOST);
}
