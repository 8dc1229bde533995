// What the document says of a route. Its path, its method and the tokens that open it are said where the route is (control.ts).
import type * as v from "valibot";
import type { RouterError } from "../../router-error.ts";

export type ErrorType = RouterError["type"];

/** Which token opens a route; one of several is enough. */
export type TokenKind = "heartbeat" | "admin" | "metrics";

export interface Operation {
  /** Its name in generated clients. No other operation has it. */
  readonly id: string;
  readonly summary: string;
  readonly description?: string;
  readonly query?: v.ObjectEntries;
  readonly body?: { readonly schema: v.GenericSchema; readonly description: string; readonly example: object };
  readonly answer: Answer;
  /** The errors that are its own. Those that every call can end with are added: a bad Host, a token that is missing, a fault of the router. */
  readonly errors?: readonly ErrorType[];
}

/** What it answers with 200. */
export interface Answer {
  readonly description: string;
  /** Its content type. */
  readonly type: string;
  readonly schema: v.GenericSchema;
  /** Operations that can follow, by their ids: where their parameters are found in this call. */
  readonly links?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** What the document says of a method of a path. */
export interface Described {
  /** Which tokens open it. Its handler checks that. Empty: all may call it. */
  readonly tokens: readonly TokenKind[];
  /** Null: a page for people, or a part of one. The document leaves it out. */
  readonly operation: Operation | null;
}

export function json(schema: v.GenericSchema, description: string, links?: Answer["links"]): Answer {
  return { description, type: "application/json", schema, ...(links !== undefined && { links }) };
}
