// What happens in a simulated world, in order of time; of what happens at one time, in the order in which it was foreseen.
import TinyQueue from "tinyqueue";
import type { Ending } from "./faults.ts";
import type { Job } from "./replica.ts";

/** What happens at a time. `process` tells a replica's lives apart: what was begun in one does not end in the next. */
export type Event =
  | { readonly atMs: number; readonly does: "arrive"; readonly index: number }
  | { readonly atMs: number; readonly does: "report"; readonly replica: number }
  | {
      readonly atMs: number;
      readonly does: "loaded";
      readonly replica: number;
      readonly hint: string;
      readonly process: number;
    }
  | {
      readonly atMs: number;
      readonly does: "answers" | "over";
      readonly replica: number;
      readonly job: Job;
      readonly process: number;
      readonly ends: Ending;
    }
  | { readonly atMs: number; readonly does: "refused"; readonly id: number }
  | { readonly atMs: number; readonly does: "die" | "join"; readonly replica: number }
  | { readonly atMs: number; readonly does: "tick" };

export class Events {
  readonly #queue = new TinyQueue<{ readonly event: Event; readonly order: number }>(
    [],
    (a, b) => a.event.atMs - b.event.atMs || a.order - b.order,
  );
  #pushed = 0;

  push(event: Event): void {
    this.#queue.push({ event, order: this.#pushed++ });
  }

  /** The next to happen; undefined: nothing will. */
  pop(): Event | undefined {
    return this.#queue.pop()?.event;
  }
}
