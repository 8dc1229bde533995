// What a rule found broken.
export interface Violation {
  readonly rule: string;
  /** The request, where it is about one. */
  readonly key: string | null;
  /** `performance.now()`; null: it is about the run as a whole. */
  readonly atMs: number | null;
  readonly what: string;
}
