// The production's objects with switches. A switch is in memory: a crash turns it off.
import type {
  EnqueueAnswer,
  EnqueueRequest,
  FleetView,
  HeartbeatAnswer,
  SettledAnswer,
} from "../../../durable-objects/fleet-answers.ts";
import { Directory as ProductionDirectory, type ListedApp } from "../../../durable-objects/directory.ts";
import { Fleet as ProductionFleet } from "../../../durable-objects/fleet.ts";
import type { Heartbeat } from "../../../src/routing/ledger/report.ts";
import { shortenTimes } from "./short-times.ts";

shortenTimes();

export type Failing = "throwing" | "overloaded";

class Switch {
  #untilMs = 0;
  #failing: Failing = "throwing";

  turnOn(failing: Failing, ms: number): void {
    this.#failing = failing;
    this.#untilMs = Date.now() + ms;
  }

  /** Throws while it is on. The runtime marks its own refusals under overload in the same way. */
  check(): void {
    if (Date.now() >= this.#untilMs) return;
    if (this.#failing === "throwing") throw new Error("chaos: the object fails");
    throw Object.assign(new Error("chaos: the object is overloaded"), { overloaded: true });
  }
}

export class Fleet extends ProductionFleet {
  readonly #switch = new Switch();

  chaosFail(failing: Failing, ms: number): void {
    this.#switch.turnOn(failing, ms);
  }

  chaosCrash(): void {
    this.ctx.abort("chaos: the object crashes");
  }

  async chaosStall(ms: number): Promise<void> {
    await this.ctx.blockConcurrencyWhile(() => scheduler.wait(ms));
  }

  override async heartbeat(beat: Heartbeat, elapsedMs?: number): Promise<HeartbeatAnswer> {
    this.#switch.check();
    return super.heartbeat(beat, elapsedMs);
  }

  override enqueue(request: EnqueueRequest): EnqueueAnswer {
    this.#switch.check();
    return super.enqueue(request);
  }

  override granted(id: number): Promise<SettledAnswer> | null {
    this.#switch.check();
    return super.granted(id);
  }

  override async running(id: number): ReturnType<ProductionFleet["running"]> {
    this.#switch.check();
    return super.running(id);
  }

  override adopt(claim: Parameters<ProductionFleet["adopt"]>[0]): ReturnType<ProductionFleet["adopt"]> {
    this.#switch.check();
    return super.adopt(claim);
  }

  override choose(wanted: Parameters<ProductionFleet["choose"]>[0]): ReturnType<ProductionFleet["choose"]> {
    this.#switch.check();
    return super.choose(wanted);
  }

  override snapshot(known: string | null): ReturnType<ProductionFleet["snapshot"]> {
    this.#switch.check();
    return super.snapshot(known);
  }

  override view(): FleetView | null {
    this.#switch.check();
    return super.view();
  }
}

export class Directory extends ProductionDirectory {
  readonly #switch = new Switch();

  chaosFail(failing: Failing, ms: number): void {
    this.#switch.turnOn(failing, ms);
  }

  chaosCrash(): void {
    this.ctx.abort("chaos: the Directory crashes");
  }

  async chaosStall(ms: number): Promise<void> {
    await this.ctx.blockConcurrencyWhile(() => scheduler.wait(ms));
  }

  override arrived(app: string): void {
    this.#switch.check();
    super.arrived(app);
  }

  override left(app: string): void {
    this.#switch.check();
    super.left(app);
  }

  override knows(app: string): boolean {
    this.#switch.check();
    return super.knows(app);
  }

  override list(after: string, limit: number): ListedApp[] {
    this.#switch.check();
    return super.list(after, limit);
  }
}
