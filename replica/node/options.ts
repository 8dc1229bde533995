// What joinFleet is told, checked at once: a mistake is an error that names the option, not a heartbeat that the router refuses for ever.
import { hintFault } from "./hints.ts";
import { LIMITS } from "./limits.ts";

/** A hint list, or what gives the present one. Null: the replica does not specialise. */
export type HintsOption = readonly string[] | (() => readonly string[] | null);

/** What the router advises while the replica is idle: hints that requests are expected for, and those to evict for them. */
export interface Advice {
  readonly load: readonly string[];
  readonly evict: readonly string[];
}

export interface FleetOptions {
  /** The app's name: `name` or `owner/name`. */
  readonly app: string;
  /** The replica's id, unique in its app. It keeps its place in the hash order as long as it keeps the id, so one that is the same after a restart is best. */
  readonly replica: string;
  /** The router's URL: `https://HOST[:PORT]`. */
  readonly router: string;
  /** A token of the router's HEARTBEAT_TOKENS. */
  readonly token: string;
  /** `scheme://host[:port]` at which the router reaches this replica. */
  readonly origin: string;
  /** What the replica holds warm. Absent: it does not specialise. A function is asked for each heartbeat and each answer, so it should be quick. */
  readonly hints?: HintsOption | undefined;
  /** How many hints the replica can hold at once, 0 to 256. Absent: not said. */
  readonly hintSlots?: number | null | (() => number | null) | undefined;
  /** How many requests the replica takes at once, 1 to 10,000. Absent: 1. */
  readonly concurrency?: number | (() => number) | undefined;
  /** Requests being served. Absent: what the handlers of this client count, if they are used; null: not said. */
  readonly inFlight?: (() => number) | null | undefined;
  /** `starting`: it gets no requests until `ready()`. Absent: `ready`. */
  readonly status?: "starting" | "ready" | undefined;
  /** `websocket` costs a large fleet far less; heartbeats are POSTed while no WebSocket can be had. Absent: `post`. */
  readonly transport?: "post" | "websocket" | undefined;
  /** The router's ORIGIN_SIGNING_KEY, or several while it changes: the handlers then refuse requests that did not come through the router. */
  readonly signingKey?: string | readonly string[] | undefined;
  /**
   * Loads what the router advises, if it wants to. While a call has not ended no other is made. Absent: advice is ignored. What the function throws is
   * a line in the log.
   */
  readonly onAdvice?: ((advice: Advice) => void | Promise<void>) | undefined;
  /** Takes a line for what an operator should know. Absent: standard error. */
  readonly log?: ((line: string) => void) | undefined;
}

/** A bad option. `option` is its name. */
export class FleetOptionError extends TypeError {
  override readonly name = "FleetOptionError";
  readonly option: string;

  constructor(option: string, fault: string) {
    super(`${option} ${fault}`);
    this.option = option;
  }
}

const APP = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}(\/[A-Za-z0-9][A-Za-z0-9._-]{0,127})?$/;
const VISIBLE = /^[\u0021-\u007e]+$/;

/** What is wrong with each option, in order; null: nothing. */
const CHECKS: { readonly [Name in keyof Required<FleetOptions>]: (value: unknown) => string | null } = {
  app: (value) => (isText(value) && APP.test(value) ? null : "must be NAME or OWNER/NAME, of letters, digits and ._-"),
  replica: (value) =>
    isText(value) && VISIBLE.test(value) && value.length <= 256 && !/^\.{1,2}$/.test(value)
      ? null
      : "must be 1 to 256 visible ASCII characters, and not . or ..",
  router: originFault,
  token: (value) => (isText(value) && VISIBLE.test(value) ? null : "must be visible ASCII characters, at least one"),
  origin: originFault,
  hints: (value) => {
    if (value === undefined || typeof value === "function") return null;
    if (!Array.isArray(value)) return "must be a list of texts, or a function that gives one";
    if (value.length > LIMITS.hints) return `must have at most ${LIMITS.hints} hints`;
    const faults = value.map((hint) => hintFault(isText(hint) ? hint.trim() : ""));
    const at = faults.findIndex((fault) => fault !== null);
    return at < 0 ? null : `must be hints, and [${at}] ${faults[at]}`;
  },
  hintSlots: (value) => (value === null || typeof value === "function" ? null : countFault(value, 0, LIMITS.hintSlots)),
  concurrency: (value) => (typeof value === "function" ? null : countFault(value, 1, LIMITS.concurrency)),
  inFlight: (value) =>
    value === undefined || value === null || typeof value === "function" ? null : "must be a function or null",
  status: (value) => oneOf(value, ["starting", "ready"]),
  transport: (value) => oneOf(value, ["post", "websocket"]),
  signingKey: (value) => {
    const keys = Array.isArray(value) ? value : [value];
    if (value === undefined) return null;
    return keys.length > 0 && keys.every((key) => isText(key) && key !== "") ? null : "must be a text, or a list of texts";
  },
  onAdvice: functionFault,
  log: functionFault,
};

/** Throws a FleetOptionError that names the first option that is wrong, unknown ones too. */
export function checkOptions(options: FleetOptions): void {
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(CHECKS, name)) throw new FleetOptionError(name, "is not an option");
  }
  for (const name of Object.keys(CHECKS) as (keyof FleetOptions)[]) {
    const fault = CHECKS[name](options[name]);
    if (fault !== null) throw new FleetOptionError(name, fault);
  }
}

function functionFault(value: unknown): string | null {
  return value === undefined || typeof value === "function" ? null : "must be a function";
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

/** The router says more of an origin; here it is enough that it is one. */
function originFault(value: unknown): string | null {
  const fault = "must be http://HOST[:PORT] or https://HOST[:PORT], without user, path and query";
  if (!isText(value) || !URL.canParse(value)) return fault;
  const url = new URL(value);
  return /^https?:$/.test(url.protocol) && url.href === `${url.origin}/` ? null : fault;
}

function countFault(value: unknown, least: number, most: number): string | null {
  if (value === undefined) return null;
  const isCount = Number.isInteger(value) && Number(value) >= least && Number(value) <= most;
  return isCount ? null : `must be an integer from ${least} to ${most}`;
}

function oneOf(value: unknown, values: readonly string[]): string | null {
  return value === undefined || (isText(value) && values.includes(value)) ? null : `must be ${values.join(" or ")}`;
}
