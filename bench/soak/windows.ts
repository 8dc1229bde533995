// A soak's course in windows of equal length: what ended in each, how long it took, and what the machine said at its end. Keeps of a request
// nothing but its times, and of those only until the window closes.
import { quantileSorted } from "simple-statistics";

/** A request that has ended, in ms; null: it says nothing of that. */
export interface Ended {
  readonly outcome: string;
  readonly inSystemMs: number | null;
  /** In the router's queue, by its own clock. */
  readonly queuedMs: number | null;
  /** Neither in the queue nor at the replica: the router's own share, with the way there and back. */
  readonly routerMs: number | null;
}

/** At the end of a window. */
export interface Reading {
  readonly resident_mb: number;
  /** CPU time of the router in the window, of one core's. */
  readonly cpu_share: number;
  /** For how much of the time that it wanted a processor others had them; null: the system does not say. */
  readonly starved_share: number | null;
  readonly waiting: number;
  readonly in_flight: number;
  /** Of this process, on which clients and replicas run: share of the time that it worked, and how late its timers were. */
  readonly generator_busy: number;
  readonly generator_delay_ms: number;
}

/** Times are in ms; null: nothing ended in the window that says. */
export interface Window extends Reading {
  /** The end of the window, from the start of the run. */
  readonly at_s: number;
  readonly requests: number;
  readonly outcomes: Readonly<Record<string, number>>;
  readonly cpu_ms_per_request: number | null;
  readonly in_system_p50_ms: number | null;
  readonly in_system_p95_ms: number | null;
  readonly in_system_p99_ms: number | null;
  readonly queue_p50_ms: number | null;
  readonly queue_p95_ms: number | null;
  readonly router_p50_ms: number | null;
  readonly router_p95_ms: number | null;
  readonly router_p99_ms: number | null;
  /** Requests that go straight to a replica: what the machine alone makes of it. */
  readonly control_p50_ms: number | null;
  readonly control_p95_ms: number | null;
}

const SECOND_MS = 1000;

export class Windows {
  readonly #startMs: number;
  #openedMs: number;
  #ended: Ended[] = [];
  #controls: number[] = [];
  readonly closed: Window[] = [];

  constructor(startMs: number) {
    this.#startMs = startMs;
    this.#openedMs = startMs;
  }

  note(ended: Ended): void {
    this.#ended.push(ended);
  }

  noteControl(ms: number): void {
    this.#controls.push(ms);
  }

  close(nowMs: number, reading: Reading): void {
    const ended = this.#ended;
    const inSystem = sorted(ended.map(({ inSystemMs }) => inSystemMs));
    const queued = sorted(ended.map(({ queuedMs }) => queuedMs));
    const router = sorted(ended.map(({ routerMs }) => routerMs));
    const controls = sorted(this.#controls);
    const cpuMs = reading.cpu_share * (nowMs - this.#openedMs);
    this.closed.push({
      at_s: Math.round(nowMs - this.#startMs) / SECOND_MS,
      requests: ended.length,
      outcomes: counted(ended.map(({ outcome }) => outcome)),
      ...reading,
      cpu_ms_per_request: ended.length === 0 ? null : short(cpuMs / ended.length),
      in_system_p50_ms: at(inSystem, 0.5),
      in_system_p95_ms: at(inSystem, 0.95),
      in_system_p99_ms: at(inSystem, 0.99),
      queue_p50_ms: at(queued, 0.5),
      queue_p95_ms: at(queued, 0.95),
      router_p50_ms: at(router, 0.5),
      router_p95_ms: at(router, 0.95),
      router_p99_ms: at(router, 0.99),
      control_p50_ms: at(controls, 0.5),
      control_p95_ms: at(controls, 0.95),
    });
    this.#openedMs = nowMs;
    this.#ended = [];
    this.#controls = [];
  }
}

/** Most first. */
export function counted(names: Iterable<string>): Record<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return Object.fromEntries([...counts].sort(([, a], [, b]) => b - a));
}

/** Outcomes of all windows together, most first. */
export function totals(windows: readonly Window[]): Record<string, number> {
  const counts = new Map<string, number>();
  for (const { outcomes } of windows) {
    for (const [name, count] of Object.entries(outcomes)) counts.set(name, (counts.get(name) ?? 0) + count);
  }
  return Object.fromEntries([...counts].sort(([, a], [, b]) => b - a));
}

export function sorted(values: readonly (number | null)[]): number[] {
  return values.filter((value) => value !== null).sort((a, b) => a - b);
}

/** A quantile; null of nothing. */
export function at(rising: readonly number[], share: number): number | null {
  return rising.length === 0 ? null : short(quantileSorted([...rising], share));
}

export function short(value: number): number {
  return Math.round(value * 100) / 100;
}
