// How a command ends if it does not go well. Exit status 1: the router says no, or something is wrong. 2: bad usage.

/** What went wrong, in words and as JSON. */
export class Failed extends Error {
  readonly facts: Readonly<Record<string, unknown>>;

  /** `type`: the router's error type, or the command line's own. */
  constructor(message: string, facts: { readonly type: string } & Readonly<Record<string, unknown>>) {
    super(message);
    this.facts = facts;
  }
}

/** The user's fault. The message names the option, and never shows a value that may be a secret. */
export class BadUsage extends Error {}
