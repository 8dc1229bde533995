// What an operator is told: each thing once, however often it happens, and that it is over.

export class Notices {
  readonly #log: (line: string) => void;
  /** What was said last, by matter. */
  readonly #said = new Map<string, string>();

  constructor(log: (line: string) => void) {
    this.#log = log;
  }

  /** Null: nothing is wrong with the matter; `over` is then said if something was. Matters are few: their names are in the code. */
  tell(matter: string, line: string | null, over: string | null = null): void {
    if ((this.#said.get(matter) ?? null) === line) return;
    if (line === null) this.#said.delete(matter);
    else this.#said.set(matter, line);
    const shown = line ?? over;
    if (shown !== null) this.#log(shown);
  }
}
