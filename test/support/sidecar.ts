// The sidecar as an operator starts it, in a process of its own, with a router of the test's.
import path from "node:path";
import { PROJECT } from "../../scripts/bundle.ts";
import { TOKEN, type TestRouter } from "./router.ts";
import { until } from "./until.ts";
import { start, type Ended, type Started, type Variables } from "./warmpath.ts";

const MAIN = path.join(PROJECT, "sidecar", "main.ts");

/** Longer than any test, so that no sidecar outlives a run that broke off by much. */
const WITHIN_MS = 120_000;

export type SidecarEvent = Readonly<Record<string, unknown>> & { readonly event: string };

export class Sidecar {
  readonly #started: Started;

  private constructor(started: Started) {
    this.#started = started;
  }

  /** Looks ten times a second, so that tests need not wait long. */
  static start(router: TestRouter, args: readonly string[], variables: Variables = {}): Sidecar {
    const its = ["--poll", "0.1", "--json", ...args];
    const common = { WARMPATH_ROUTER: router.url, WARMPATH_HEARTBEAT_TOKEN: TOKEN };
    return new Sidecar(start(its, { ...common, ...variables }, [MAIN], WITHIN_MS));
  }

  /** What it has told so far. */
  get events(): readonly SidecarEvent[] {
    const lines = this.#started.said.stdout.split("\n").slice(0, -1);
    return lines.map((line) => JSON.parse(line) as SidecarEvent);
  }

  get child() {
    return this.#started.child;
  }

  async told(event: string, times = 1): Promise<void> {
    await until(`it tells ${event}`, () => this.events.filter((its) => its.event === event).length >= times);
  }

  /** Sends a signal and waits for the end. */
  async end(signal: NodeJS.Signals = "SIGTERM"): Promise<Ended> {
    this.child.kill(signal);
    return this.#started.ended;
  }

  kill(): void {
    this.child.kill("SIGKILL");
  }
}

/** One call of the sidecar, to its end. */
export function sidecar(args: readonly string[], variables: Variables = {}): Promise<Ended> {
  const { child, ended } = start(args, variables, [MAIN]);
  child.stdin?.end();
  return ended;
}
