// Reading JSON whose shape is a promise of somebody else. What is not as promised is a fault of the server, and names the place.
import { ServerFault } from "./fault.ts";

export type Json = Readonly<Record<string, unknown>>;

export function objectOf(value: unknown, where: string): Json {
  if (isObject(value)) return value;
  throw new ServerFault("garbage", `${where} is no object`);
}

export function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The objects of a list. */
export function objectsOf(value: unknown, where: string): readonly Json[] {
  return listOf(value, where).map((its, index) => objectOf(its, `${where}[${index}]`));
}

export function listOf(value: unknown, where: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new ServerFault("garbage", `${where} is no list`);
}

export function textOf(value: unknown, where: string): string {
  if (typeof value === "string") return value;
  throw new ServerFault("garbage", `${where} is no text`);
}

/** A positive integer; null: it is none. */
export function countOf(value: unknown): number | null {
  return Number.isInteger(value) && Number(value) > 0 ? Number(value) : null;
}

/** The texts of a list that may be missing. */
export function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((its) => typeof its === "string") : [];
}
