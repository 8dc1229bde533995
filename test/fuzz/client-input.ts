// A client's request to `target` with something odd about it, and what it must be answered.
import { MARK, requestBytes, type Input, type Kind, type RequestParts } from "./input.ts";

export interface Odd {
  readonly fault: string;
  readonly lines: readonly string[];
  readonly allowed: readonly string[];
  readonly query?: string;
  readonly host?: string;
}

/** A line that the HTTP layer itself refuses, with the rest of the connection. */
export const REFUSED = ["400 http"];

export function withLines(kind: Kind, number: number, odd: Odd): Input {
  const target = `/run${odd.query ?? ""}`;
  return request(kind, odd, number, { target, lines: odd.lines, ...(odd.host === undefined ? {} : { host: odd.host }) });
}

export function request(kind: Kind, { fault, allowed }: Odd, number: number, parts: RequestParts): Input {
  const bytes = requestBytes({
    ...parts,
    target: `/target${parts.target}`,
    lines: [...(parts.lines ?? []), `${MARK}: ${number}`],
  });
  return { kind, fault, bytes, allowed, head: parts.method === "HEAD", alone: false, marked: { number, target: parts.target } };
}

/** Characters as the bytes of their UTF-8, each as one character. */
export function latin(text: string): string {
  return Buffer.from(text).toString("latin1");
}
