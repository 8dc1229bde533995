// Numbers in a query: the schemas by which they are checked, which the document shows too.
import * as v from "valibot";
import { LIMITS } from "../routing/limits.ts";
import type { Call } from "./call.ts";

type NumberSchema = ReturnType<typeof whole>;

/** A whole number in that range, as decimal digits. */
function whole(least: number, most: number) {
  const rule = `must be a whole number from ${least} to ${most}`;
  return v.pipe(v.number(), v.integer(rule), v.minValue(least, rule), v.maxValue(most, rule));
}

export const HINTS_SHOWN = whole(1, LIMITS.hintsShown);
/** All that 15 digits can say. */
export const SEQUENCE = whole(0, 999_999_999_999_999);

/** The parameter, `without` where it is absent, or what is wrong with it. */
export function numberIn(
  call: Call,
  name: string,
  schema: NumberSchema,
  without: number,
): { readonly ok: true; readonly value: number } | { readonly ok: false; readonly detail: string } {
  const text = call.req.query(name);
  if (text === undefined) return { ok: true, value: without };
  const result = v.safeParse(schema, /^\d{1,15}$/.test(text) ? Number(text) : -0.5);
  return result.success ? { ok: true, value: result.output } : { ok: false, detail: `${name} ${result.issues[0].message}` };
}
