// What an autoscaler asks for, from the query of its URL to data.
import * as v from "valibot";
import { LIMITS } from "../routing/limits.ts";
import { SCALE_DEFAULTS, type ScaleOptions } from "../views/scale.ts";

export type ScaleQueryResult =
  | { readonly ok: true; readonly value: ScaleOptions }
  | { readonly ok: false; readonly field: string; readonly detail: string };

interface Field {
  readonly name: keyof ScaleOptions;
  readonly least: number;
  readonly most: number;
  /** A decimal number, of seconds if the option is in ms; otherwise an integer. */
  readonly decimal: boolean;
  readonly meaning: string;
}

const WINDOW_MOST_S = (LIMITS.demandSteps * LIMITS.demandStepMs) / 1000;

/** By the name of the parameter. */
const FIELDS: Readonly<Record<string, Field>> = {
  min: { name: "min", least: 0, most: LIMITS.replicasPerApp, decimal: false, meaning: "The fewest replicas; not above max." },
  max: { name: "max", least: 0, most: LIMITS.replicasPerApp, decimal: false, meaning: "The most replicas." },
  target: { name: "target", least: 0.01, most: 1, decimal: true, meaning: "The share of slots that should be in use." },
  clear_s: {
    name: "clearMs",
    least: 1,
    most: 3600,
    decimal: true,
    meaning: "In what time what waits should be served, seconds.",
  },
  start_s: {
    name: "startMs",
    least: 0,
    most: 3600,
    decimal: true,
    meaning: "How long a new replica takes until it is ready, seconds.",
  },
  window_s: {
    ...{ name: "windowMs", least: LIMITS.demandMeanMs / 1000, most: WINDOW_MOST_S, decimal: true },
    meaning: "For how long a replica must not have been needed before it is not asked for any more, seconds.",
  },
  slots: {
    ...{ name: "slots", least: 1, most: LIMITS.concurrencyPerReplica, decimal: false },
    meaning: "Slots of one replica, where no replica is there to tell.",
  },
};

function schemaOf({ least, most, decimal, meaning }: Field) {
  const kind = decimal ? "a decimal number" : "an integer";
  const rule = `must be ${kind} from ${least} to ${most}`;
  const range = v.pipe(v.number(rule), v.minValue(least, rule), v.maxValue(most, rule), v.description(meaning));
  return decimal ? range : v.pipe(range, v.integer(rule));
}

/** By the name of the parameter: what checks it. */
export const SCALE_QUERY: Readonly<Record<string, ReturnType<typeof schemaOf>>> = Object.fromEntries(
  Object.entries(FIELDS).map(([name, field]) => [name, schemaOf(field)]),
);

/** Numbers as JSON has them, without a sign before them. */
const INTEGER = /^\d{1,9}$/;
const DECIMAL = /^\d+(\.\d+)?([eE][+-]?\d+)?$/;

/** A name that is not known is refused: a misspelt `max` would leave the number of replicas without a bound. */
export function parseScaleQuery(query: URLSearchParams): ScaleQueryResult {
  const options = { ...SCALE_DEFAULTS };
  for (const name of new Set(query.keys())) {
    const field = Object.hasOwn(FIELDS, name) ? FIELDS[name] : undefined;
    const schema = SCALE_QUERY[name];
    if (field === undefined || schema === undefined) return fault(name, `is not one of ${Object.keys(FIELDS).join(", ")}`);
    const texts = query.getAll(name);
    if (texts.length > 1) return fault(name, "is there twice");
    const text = texts[0] ?? "";
    const value = v.safeParse(schema, (field.decimal ? DECIMAL : INTEGER).test(text) ? Number(text) : null);
    if (!value.success) return fault(name, value.issues[0].message);
    options[field.name] = field.name.endsWith("Ms") ? value.output * 1000 : value.output;
  }
  return options.min > options.max ? fault("min", "must not be above max") : { ok: true, value: options };
}

function fault(field: string, detail: string): ScaleQueryResult {
  return { ok: false, field, detail };
}
