// What one check of `warmpath doctor` found.
export interface Finding {
  readonly check: string;
  /** Null: the check could not be made. That fails nothing. */
  readonly ok: boolean | null;
  readonly says: string;
  /** What the operator can do; null: nothing is to do. */
  readonly todo: string | null;
}

export const well = (check: string, says: string): Finding => ({ check, ok: true, says, todo: null });
export const wrong = (check: string, says: string, todo: string): Finding => ({ check, ok: false, says, todo });
export const unchecked = (check: string, says: string, todo: string | null = null): Finding => ({ check, ok: null, says, todo });
