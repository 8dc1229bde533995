// Why the server's state is not known.

export type FaultKind =
  /** Nothing listens, or it hung up: no request would get through. */
  | "down"
  /** It says itself that it can't take requests yet. */
  | "loading"
  /** No answer in time, or none that makes sense. Once that may be chance. */
  | "slow"
  | "garbage";

export class ServerFault extends Error {
  override readonly name = "ServerFault";
  readonly kind: FaultKind;

  constructor(kind: FaultKind, message: string) {
    super(message);
    this.kind = kind;
  }
}

/** Options that do not fit together, or lack one. */
export class BadUsage extends Error {
  override readonly name = "BadUsage";
}

/** A text from elsewhere on one line, without control characters: it must not steer a terminal. */
export function shortened(text: string, most: number): string {
  // oxlint-disable-next-line no-control-regex
  const line = text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]+/g, " ").trim();
  return line.length > most ? `${line.slice(0, most)}…` : line;
}
