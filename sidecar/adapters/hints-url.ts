/**
 * Any server that tells what it holds as JSON, at an URL of --hints-url. --hints-path says where in it the names are: steps joined by dots, where `[]` takes all
 * elements of a list and `[field=value]` those that have that field. `models[loaded=true].id` reads
 * `{"models":[{"id":"a","loaded":true},{"id":"b","loaded":false}]}` as `a`. Without a path the JSON is the list of names itself.
 */
import { ServerFault } from "../fault.ts";
import { isObject, textOf } from "../json.ts";
import { LIMITS } from "../limits.ts";
import type { Adapter } from "./adapter.ts";

interface Step {
  /** Empty: no field, the list itself. */
  readonly field: string;
  /** Null: not a list. */
  readonly filter: { readonly field: string; readonly value: string } | "all" | null;
}

const STEP = /^([^.[\]]*)(?:\[(?:([^=\]]+)=([^\]]*))?\])?$/;

/** The steps of a path; null: it is none. */
export function parsePath(path: string): readonly Step[] | null {
  const steps: Step[] = [];
  for (const text of path.split(/\.(?![^[]*\])/)) {
    const match = STEP.exec(text);
    if (match === null || text === "") return null;
    const [, field = "", name, value = ""] = match;
    steps.push({ field, filter: name !== undefined ? { field: name, value } : text.endsWith("]") ? "all" : null });
  }
  return steps;
}

export function hintsUrl(url: string, steps: readonly Step[]): Adapter {
  return {
    title: "the server at --hints-url",
    url: null,
    isApart: true,
    concurrency: LIMITS.concurrency,
    pollMs: LIMITS.pollMs,
    async look(server) {
      const found = steps.reduce(taken, [await server.json(url)]).flat();
      const names = found.map((its) => textOf(its, "what --hints-path leads to"));
      return { models: [...new Set(names)].slice(0, LIMITS.models).map((name) => [name]), slots: null, concurrency: null };
    },
    load: async () => null,
  };
}

/** What the step leads to from each value. */
function taken(values: readonly unknown[], { field, filter }: Step): readonly unknown[] {
  return values.flatMap((value) => {
    const its = field === "" ? value : isObject(value) ? value[field] : undefined;
    if (its === undefined) throw new ServerFault("garbage", `--hints-path: there is no ${field}`);
    if (filter === null) return [its];
    if (!Array.isArray(its)) throw new ServerFault("garbage", `--hints-path: ${field === "" ? "it" : field} is no list`);
    if (filter === "all") return its as unknown[];
    return its.filter((element) => isObject(element) && plain(element[filter.field]) === filter.value) as unknown[];
  });
}

/** Booleans and numbers as JSON writes them. */
function plain(value: unknown): string | undefined {
  return typeof value === "string" ? value : JSON.stringify(value);
}
