// What a live replica notes of each request that reached it. Times are `performance.now()`.

export type RunEnd =
  /** The whole answer was handed to the system. */
  | "complete"
  /** The replica broke it off: trouble. */
  | "reset"
  /** The other side closed first. */
  | "left"
  /** The replica died. */
  | "died";

export interface Run {
  /** As the client chose it; empty: the request did not say. */
  readonly key: string;
  readonly app: string;
  readonly replica: string;
  readonly incarnation: number;
  /** Distinguishes the attempts of a request. */
  readonly requestId: string;
  readonly method: string;
  readonly beganMs: number;
  /** Requests there with it, itself among them; those that take no slot (OPTIONS) not counted. */
  readonly present: number;
  readonly concurrency: number;
  /** What befell it; null: it was served. */
  readonly trouble: string | null;
  /** When its turn came; null: it did not. */
  servedMs: number | null;
  headersMs: number | null;
  /** When it last sent anything of its answer; null: nothing. */
  lastSentMs: number | null;
  status: number | null;
  endedMs: number | null;
  end: RunEnd | null;
  /** `digestOf` its body; null: the body was not read to its end. */
  upload: string | null;
}
