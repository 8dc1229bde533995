// What an autoscaler asks for, from the query of its URL to data.
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
}

const WINDOW_MOST_S = (LIMITS.demandSteps * LIMITS.demandStepMs) / 1000;

/** By the name of the parameter. */
const FIELDS: Readonly<Record<string, Field>> = {
  min: { name: "min", least: 0, most: LIMITS.replicasPerApp, decimal: false },
  max: { name: "max", least: 0, most: LIMITS.replicasPerApp, decimal: false },
  target: { name: "target", least: 0.01, most: 1, decimal: true },
  clear_s: { name: "clearMs", least: 1, most: 3600, decimal: true },
  start_s: { name: "startMs", least: 0, most: 3600, decimal: true },
  window_s: { name: "windowMs", least: LIMITS.demandMeanMs / 1000, most: WINDOW_MOST_S, decimal: true },
  slots: { name: "slots", least: 1, most: LIMITS.concurrencyPerReplica, decimal: false },
};

/** A name that is not known is refused: a misspelt `max` would leave the number of replicas without a bound. */
export function parseScaleQuery(query: URLSearchParams): ScaleQueryResult {
  const options = { ...SCALE_DEFAULTS };
  for (const name of new Set(query.keys())) {
    const field = Object.hasOwn(FIELDS, name) ? FIELDS[name] : undefined;
    if (field === undefined) return fault(name, `is not one of ${Object.keys(FIELDS).join(", ")}`);
    const texts = query.getAll(name);
    if (texts.length > 1) return fault(name, "is there twice");
    const value = numberIn(texts[0] ?? "", field);
    const kind = field.decimal ? "a decimal number" : "an integer";
    if (value === null) return fault(name, `must be ${kind} from ${field.least} to ${field.most}`);
    options[field.name] = field.name.endsWith("Ms") ? value * 1000 : value;
  }
  return options.min > options.max ? fault("min", "must not be above max") : { ok: true, value: options };
}

/** Null: it is no such number, or out of range. */
function numberIn(text: string, { least, most, decimal }: Field): number | null {
  if (!(decimal ? /^\d{1,9}(\.\d{1,9})?$/ : /^\d{1,9}$/).test(text)) return null;
  const value = Number(text);
  return value >= least && value <= most ? value : null;
}

function fault(field: string, detail: string): ScaleQueryResult {
  return { ok: false, field, detail };
}
