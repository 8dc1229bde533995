// SCALE_WEBHOOK: asks whoever starts replicas for one, on behalf of an app that has none. The object does that and no Worker, because it alone knows when it
// last asked. Nobody waits for the call, and nothing depends on its answer.
import { BOUNDS } from "../src/limits.ts";

/** What is POSTed, as JSON. */
export interface ScaleCall {
  readonly app: string;
  /** Why it is sent: the set is closed. */
  readonly reason: "no_replicas";
  readonly waiting: number;
  readonly desired_replicas: number;
}

export class ScaleWebhook {
  readonly #url: string;
  readonly #token: string | null;
  #calledAtMs = -Infinity;

  constructor(url: string, token: string | null) {
    this.#url = url;
    this.#token = token;
  }

  /** When it may be called again. */
  get dueAtMs(): number {
    return this.#calledAtMs + BOUNDS.webhookEveryMs;
  }

  /** Calls it unless it was called within `webhookEveryMs`. Ends by itself after two tries. */
  call(body: () => ScaleCall, now: number): void {
    if (now < this.dueAtMs) return;
    this.#calledAtMs = now;
    void this.#send(body());
  }

  /** Never fails. The URL may hold a secret, so no line shows it. */
  async #send(body: ScaleCall): Promise<void> {
    let fault = await this.#post(body);
    if (fault === null) return;
    await scheduler.wait(BOUNDS.webhookRetryMs);
    fault = await this.#post(body);
    if (fault !== null) console.warn(JSON.stringify({ message: "the scale webhook failed", app: body.app, error: fault }));
  }

  /** What went wrong; null: it was answered 2xx. A redirect is not followed, because the token is not for others. */
  async #post(body: ScaleCall): Promise<string | null> {
    const headers = new Headers({ "content-type": "application/json" });
    if (this.#token !== null) headers.set("authorization", `Bearer ${this.#token}`);
    const signal = AbortSignal.timeout(BOUNDS.webhookMs);
    try {
      const init = { method: "POST", headers, body: JSON.stringify(body), redirect: "manual", signal } as const;
      const response = await fetch(this.#url, init);
      await response.body?.cancel();
      return response.ok ? null : `status ${response.status}`;
    } catch (error) {
      return signal.aborted ? `no answer within ${BOUNDS.webhookMs} ms` : String(error).replaceAll(this.#url, "SCALE_WEBHOOK");
    }
  }
}
