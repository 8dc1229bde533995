// What the ledger knows of an announced hint.

/** A hint that a request is expected for. */
export interface Announcement {
  /** When nobody expects the request any more. */
  readonly untilMs: number;
  /** Until then the replica that was advised may be loading the hint, and no other is advised; 0: none was. */
  advisedUntilMs: number;
}
