// The router's errors as schemas: one for each type, from the table in problem.ts.
import * as v from "valibot";
import { openAiType, PROBLEMS } from "../../problem.ts";
import type { RouterError } from "../../router-error.ts";
import { refTo, type Headers } from "./components.ts";
import type { ErrorType } from "./operation.ts";

const count = v.pipe(v.number(), v.integer(), v.minValue(0));

/** Members that only some errors have. */
const MEMBERS: Readonly<Partial<Record<ErrorType, v.ObjectEntries>>> = {
  invalid_heartbeat: { field: v.pipe(v.string(), v.description("The first bad field.")) },
  misconfigured: { setting: v.pipe(v.string(), v.description("The name of the bad setting.")) },
  runner_disconnected: { replica: v.exactOptional(v.string()), cause: v.exactOptional(v.string()) },
  origin_taken: { replica: v.string(), known: v.object({ incarnation: count }) },
  stale_heartbeat: { known: v.object({ incarnation: count, sequence: v.nullable(count) }) },
};

/** Errors that say when to try again. */
const RETRY: ReadonlySet<ErrorType> = new Set<Extract<RouterError, { readonly retryAfterMs: number }>["type"]>([
  "queue_full",
  "rate_limited",
  "no_replicas",
  "runner_scheduling_failure",
]);

export const ERROR_TYPES = Object.keys(PROBLEMS) as readonly ErrorType[];

/** The schemas of these errors, by component. */
export function problemSchemas(errors: readonly ErrorType[]): Record<string, v.GenericSchema> {
  return Object.fromEntries(errors.map((type) => [componentOf(type), problemSchema(type)]));
}

/** These errors by their statuses, each once. */
export function byStatus(errors: readonly ErrorType[]): [status: number, errors: readonly ErrorType[]][] {
  const known = ERROR_TYPES.filter((type) => errors.includes(type));
  return [...Map.groupBy(known, (type) => PROBLEMS[type].status)].sort(([a], [b]) => a - b);
}

/** The schema of an error of one of these types. */
export function problemOf(errors: readonly ErrorType[]): object {
  const [first, ...others] = errors.map((type) => refTo("schemas", componentOf(type)));
  return first === undefined || others.length > 0 ? { oneOf: [first, ...others] } : first;
}

/** The headers of an answer with an error of one of these types. */
export function problemHeaders(errors: readonly ErrorType[]): Headers {
  return {
    "x-fal-request-id": "RequestId",
    "x-fal-error-type": "ErrorType",
    "cache-control": "NoStore",
    ...(errors.includes("unauthorized") && { "www-authenticate": "Authenticate" }),
    ...(errors.every((type) => RETRY.has(type)) && { "retry-after": "RetryAfter" }),
  };
}

/** For people: the types by name. */
export function inWords(errors: readonly ErrorType[]): string {
  return errors.map((type) => `\`${type}\``).join(" or ");
}

/** `app_not_found`: `AppNotFound`. */
function componentOf(type: ErrorType): string {
  return type.replaceAll(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function problemSchema(type: ErrorType): v.GenericSchema {
  const { status, title } = PROBLEMS[type];
  return v.object({
    type: v.literal(`urn:warmpath:error:${type}`),
    title: v.literal(title),
    status: v.literal(status),
    detail: v.string(),
    error_type: v.literal(type),
    error: v.object({ message: v.string(), type: v.literal(openAiType(status)), code: v.literal(type) }),
    ...MEMBERS[type],
  });
}
