// One timer, set to the earliest moment that anyone asked for. A timer that is set keeps its object awake, which keeps what is in memory true.

export class EarliestTimer {
  readonly #fire: () => void;
  #set: { readonly handle: ReturnType<typeof setTimeout>; readonly atMs: number } | null = null;

  constructor(fire: () => void) {
    this.#fire = fire;
  }

  /** Fires at that moment, or earlier if somebody asked for that. For a moment in the past it fires at once, for Infinity never. */
  wakeAt(atMs: number): void {
    if (atMs === Infinity || (this.#set !== null && this.#set.atMs <= atMs)) return;
    this.cancel();
    const fire = () => {
      this.#set = null;
      this.#fire();
    };
    this.#set = { handle: setTimeout(fire, Math.max(0, atMs - Date.now())), atMs };
  }

  /** Nobody waits for anything. */
  cancel(): void {
    if (this.#set !== null) clearTimeout(this.#set.handle);
    this.#set = null;
  }
}
