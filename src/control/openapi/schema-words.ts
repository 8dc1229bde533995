// Words that the schemas of answers are made of: numbers, texts and their meanings.
import * as v from "valibot";

export const said = v.description;
export const whole = v.pipe(v.number(), v.integer(), v.minValue(0));
export const time = v.pipe(v.number(), v.minValue(0));
export const text = (meaning: string) => v.pipe(v.string(), said(meaning));
export const flag = (meaning: string) => v.pipe(v.boolean(), said(meaning));
export const count = (meaning: string) => v.pipe(whole, said(meaning));
export const duration = (meaning: string) => v.pipe(time, said(meaning));
/** Null has a meaning of its own. */
export const maybe = <S extends v.GenericSchema>(schema: S, meaning: string) => v.pipe(v.nullable(schema), said(meaning));

/** A number for each of these names. */
export function tally<const Name extends string>(names: readonly Name[], meaning: string) {
  const entries = Object.fromEntries(names.map((name) => [name, whole])) as Record<Name, typeof whole>;
  return v.pipe(v.object(entries), said(meaning));
}

/** The reasons of grants. */
export const GRANTS = ["hint_match", "hint_wait", "hash_owner", "hash_spill", "least_loaded"] as const;
