// A wait with an end: an object that the Worker waits for may stall.

/** The result of a wait that took too long. */
export const TOO_LATE = Symbol("too late");

/**
 * The promise's value, or `TOO_LATE` if that takes longer than `ms`. A value that comes later goes to `late`, which must give back what the value holds.
 * An error that comes later is ignored.
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
