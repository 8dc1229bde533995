// A replica's heartbeats, sent over and over while a test under a short time to live goes on.
import type { Beat, TestRouter } from "./router.ts";

/** Beats until it is disposed; the first beat has been accepted when this returns. */
export async function keepBeating(router: TestRouter, beat: Beat & { readonly origin: string }): Promise<AsyncDisposable> {
  const { next_heartbeat_ms: intervalMs } = await router.join(beat);
  const stop = Promise.withResolvers<void>();
  const ended = (async () => {
    for (;;) {
      const pause = Promise.withResolvers<false>();
      const timer = setTimeout(() => pause.resolve(false), intervalMs);
      const stopped = await Promise.race([stop.promise.then(() => true), pause.promise]);
      clearTimeout(timer);
      if (stopped) return;
      await router.join(beat);
    }
  })();
  return {
    [Symbol.asyncDispose]: async () => {
      stop.resolve();
      await ended;
    },
  };
}
