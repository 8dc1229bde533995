// When a command that was started by npm should end: it is interrupted, or npm itself has gone (a killed npm tells nobody).

const ORPHAN_CHECK_MS = 250;

/** Resolves once, with what happened. On a terminal Ctrl-C comes twice, by itself and passed on by npm: the second must not end the tidying up. */
export function interrupted(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => resolve(signal));
    if (process.env["npm_lifecycle_event"] === undefined) return;
    const parent = process.ppid;
    const check = () => {
      if (process.ppid !== parent) resolve("npm ended");
    };
    setInterval(check, ORPHAN_CHECK_MS).unref();
  });
}
