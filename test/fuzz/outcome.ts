// What came of an input, as a short text, and whether that is allowed.
import type { Input } from "./input.ts";
import type { Response } from "./responses.ts";

/** An answer as a short text: see input.ts. Throws where an error of the router has not the form of the contract. */
export function outcomeOf({ status, headers, body }: Response, head: boolean): string {
  const replica = headers.get("x-fal-served-from");
  if (replica !== undefined) return `${status} from ${replica}`;
  const type = headers.get("x-fal-error-type");
  if (type !== undefined) return `${status} ${type}${head ? "" : fieldOf(status, type, body)}`;
  return `${status} ${headers.has("x-fal-request-id") ? "router" : "http"}`;
}

function fieldOf(status: number, type: string, body: Buffer): string {
  const problem = JSON.parse(body.toString()) as Record<string, unknown>;
  const { status: said, error_type: saidType, detail, field } = problem;
  if (said !== status || saidType !== type || typeof detail !== "string") throw new Error(`not a problem: ${body.toString()}`);
  return typeof field === "string" ? ` ${field.split(".", 1)[0]}` : "";
}

/** Whether the outcome is among what the input allows; an allowed error without a field stands for every field. */
export function isAllowed({ allowed }: Pick<Input, "allowed">, outcome: string): boolean {
  return allowed.some((one) => one === outcome || (one.endsWith(" invalid_heartbeat") && outcome.startsWith(`${one} `)));
}
