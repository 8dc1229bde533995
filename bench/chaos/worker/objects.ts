// The production's objects with switches. A switch is in memory: a crash turns it off.
import { Directory as ProductionDirectory } from "../../../durable-objects/directory.ts";
import { Fleet as ProductionFleet } from "../../../durable-objects/fleet.ts";
import { shortenTimes } from "./short-times.ts";

shortenTimes();

const TURNS = ["crash", "throwing", "overloaded", "stalled"] as const;
export type Turn = (typeof TURNS)[number];
export const isTurn = (what: string): what is Turn => TURNS.some((turn) => turn === what);

/** The calls that fail while a switch is on. */
const OF_FLEET = [
  "heartbeat",
  "enqueue",
  "granted",
  "running",
  "adopt",
  "choose",
  "refresh",
  "models",
  "view",
  "scrape",
] as const;
const OF_DIRECTORY = ["arrived", "left", "knows", "list"] as const;

class Switch {
  readonly #ctx: DurableObjectState;
  #untilMs = 0;
  #failing: Turn = "throwing";

  constructor(ctx: DurableObjectState) {
    this.#ctx = ctx;
  }

  async turn(what: Turn, ms: number): Promise<void> {
    if (what === "crash") this.#ctx.abort("chaos: the object crashes");
    if (what === "stalled") return this.#ctx.blockConcurrencyWhile(() => scheduler.wait(ms));
    this.#failing = what;
    this.#untilMs = Date.now() + ms;
  }

  /** Throws while the switch is on. The runtime marks its own refusals under overload in the same way. */
  check(): void {
    if (Date.now() >= this.#untilMs) return;
    if (this.#failing === "throwing") throw new Error("chaos: the object fails");
    throw Object.assign(new Error("chaos: the object is overloaded"), { overloaded: true });
  }
}

export class Fleet extends ProductionFleet {
  readonly switch = new Switch(this.ctx);

  chaos(what: Turn, ms: number): Promise<void> {
    return this.switch.turn(what, ms);
  }
}

export class Directory extends ProductionDirectory {
  readonly switch = new Switch(this.ctx);

  chaos(what: Turn, ms: number): Promise<void> {
    return this.switch.turn(what, ms);
  }
}

checkFirst<Fleet>(Fleet.prototype, OF_FLEET);
checkFirst<Directory>(Directory.prototype, OF_DIRECTORY);

function checkFirst<T extends { readonly switch: Switch }>(prototype: T, calls: readonly (keyof T)[]): void {
  for (const call of calls) {
    const production = prototype[call] as (...args: unknown[]) => unknown;
    const value = function (this: T, ...args: unknown[]): unknown {
      this.switch.check();
      return Reflect.apply(production, this, args);
    };
    Object.defineProperty(prototype, call, { value });
  }
}
