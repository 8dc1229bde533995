// A wait with an end: what the Worker waits for may be an object that stalls.

/** In place of what came too late. */
export const TOO_LATE = Symbol("too late");

/**
 * What the promise gives, or `TOO_LATE` where that takes longer. What it gives after that goes to `late`, which must give back what it holds;
 * what it throws after that is nobody's any more.
 */
export async function within<T>(
  promise: Promise<T>,
  ms: number,
  late: (value: T) => void = () => {},
): Promise<T | typeof TOO_LATE> {
  const end = Promise.withResolvers<typeof TOO_LATE>();
  const timer = setTimeout(() => end.resolve(TOO_LATE), ms);
  try {
    const first = await Promise.race([promise, end.promise]);
    if (first === TOO_LATE) promise.then(late, () => {});
    return first;
  } finally {
    clearTimeout(timer);
  }
}
