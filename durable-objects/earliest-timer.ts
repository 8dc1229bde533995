// One timer, to the earliest moment that anyone asked for. While it is set it keeps its object awake, which keeps what is in memory true.

export class EarliestTimer {
  readonly #fire: () => void;
  #set: { readonly handle: ReturnType<typeof setTimeout>; readonly atMs: number } | null = null;

  constructor(fire: () => void) {
    this.#fire = fire;
  }

  /** Fires then, or before, if somebody asked for that; at once for a moment that is past, and never for Infinity. */
  wakeAt(atMs: number): void {
    if (atMs === Infinity || (this.#set !== null && this.#set.atMs <= atMs)) return;
    if (this.#set !== null) clearTimeout(this.#set.handle);
    const fire = () => {
      this.#set = null;
      this.#fire();
    };
    this.#set = { handle: setTimeout(fire, Math.max(0, atMs - Date.now())), atMs };
  }
}
