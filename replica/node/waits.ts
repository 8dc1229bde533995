// Waits: a pause that can be ended early, and promises that are resolved from outside.

export interface Pause {
  readonly over: Promise<void>;
  readonly end: () => void;
}

/** A pause that can be ended early. Unless `keeps`, it does not keep a process on Node that has nothing else to do. */
export function pause(ms: number, keeps = false): Pause {
  const { promise, resolve } = withResolvers();
  const timer = setTimeout(resolve, Math.max(ms, 0));
  if (!keeps) (timer as { readonly unref?: () => void }).unref?.();
  const end = () => {
    clearTimeout(timer);
    resolve();
  };
  return { over: promise, end };
}

/** Waits for the event, for so long at most. */
export async function firstOf(event: Promise<void>, withinMs: number): Promise<void> {
  const late = pause(withinMs, true);
  await Promise.race([event, late.over]);
  late.end();
}

/** `Promise.withResolvers`, which Node 20 lacks. */
export function withResolvers<T = void>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((its) => (resolve = its));
  return { promise, resolve };
}
