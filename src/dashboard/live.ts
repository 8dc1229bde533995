// Keeps an open page up to date by server-sent events: each sends a section of the page whose content has changed, as the HTML that the page would have.
import type { Call } from "../control/call.ts";
import { BOUNDS } from "../limits.ts";
import type { Section } from "./page.tsx";
import type { Session } from "./session.ts";

/** What a page is kept up to date with. */
export interface Live {
  readonly everyMs: number;
  /** Null: there is nothing to show any more. */
  readonly sections: () => Promise<readonly Section[] | null>;
}

/** Ends with the session, with the connection's time, with the browser, or when there is nothing to show any more. */
export function liveResponse(call: Call, session: Session, live: Live): Response {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const untilMs = Math.min(session.expiresAtMs, Date.now() + BOUNDS.liveConnectionMs);
  call.executionCtx.waitUntil(send(writable.getWriter(), call.req.raw.signal, untilMs, live));
  return new Response(readable, {
    headers: {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store",
      // nginx would hold events back.
      "x-accel-buffering": "no",
      "x-fal-request-id": call.env.requestId,
    },
  });
}

/** Never rejects. A write waits for a browser that reads slowly, so at most one round of events is ever held. */
async function send(
  writer: WritableStreamDefaultWriter<Uint8Array>,
  left: AbortSignal,
  untilMs: number,
  { everyMs, sections: sectionsOf }: Live,
): Promise<void> {
  const encoder = new TextEncoder();
  const sent = new Map<string, string>();
  let lastMs = 0;
  try {
    await writer.write(encoder.encode(`retry: ${BOUNDS.liveAgainMs}\n\n`));
    while (!left.aborted && Date.now() < untilMs) {
      const sections = await sectionsOf();
      if (sections === null) {
        await writer.write(encoder.encode(`event: gone\ndata: {}\n\n`));
        break;
      }
      const news = sections.filter(({ id, html }) => sent.get(id) !== html);
      for (const { id, html } of news) sent.set(id, html);
      if (news.length > 0 || Date.now() - lastMs >= BOUNDS.livePingMs) {
        await writer.write(encoder.encode(news.length > 0 ? news.map(eventOf).join("") : ": still here\n\n"));
        lastMs = Date.now();
      }
      await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
    await writer.close();
  } catch (error) {
    // The browser has left, or the object is out of reach: the browser asks again.
    if (!left.aborted) console.warn(JSON.stringify({ message: "a dashboard is not kept up to date", error: String(error) }));
    await writer.abort().catch(() => {});
  }
}

function eventOf({ id, html }: Section): string {
  return `event: section\ndata: ${JSON.stringify({ id, html })}\n\n`;
}
