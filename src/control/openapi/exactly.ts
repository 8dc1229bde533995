// Holds a schema to a type that is written elsewhere.
import type * as v from "valibot";

/** `exactly<T>()(schema)` is the schema. The type checker refuses it if what it describes is not T, but for `readonly`. */
export function exactly<T>() {
  return <S extends v.GenericSchema>(schema: Same<v.InferOutput<S>, T> extends true ? S : never): S => schema;
}

/** With all fields required too, because a type with an optional field more than another can be assigned to it. */
type Same<A, B> = Both<Plain<A>, Plain<B>> extends true ? Both<Full<A>, Full<B>> : false;
type Both<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;
type Plain<T> = T extends object ? { readonly [Key in keyof T]: Plain<T[Key]> } : T;
type Full<T> = T extends object ? { readonly [Key in keyof T]-?: Full<T[Key]> } : T;
