// Keeps an open page up to date by server-sent events: each sends a section of the page whose content has changed, as the HTML that the page would have.
import type { Call } from "../control/call.ts";
import { BOUNDS } from "../limits.ts";
import type { Section } from "./page.tsx";
import type { Session } from "./session.ts";

/** Ends with the session, with the connection's time, with the browser, or with the app (null). */
export function liveResponse(call: Call, session: Session, sectionsOf: () => Promise<readonly Section[] | null>): Response {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const untilMs = Math.min(session.expiresAtMs, Date.now() + BOUNDS.liveConnectionMs);
  call.executionCtx.waitUntil(send(writable.getWriter(), call.req.raw.signal, untilMs, sectionsOf));
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
  sectionsOf: () => Promise<readonly Section[] | null>,
): Promise<void> {
  const encoder = new TextEncoder();
  const sent = new Map<string, string>();
  let lastMs = 0;
  try {
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
      await new Promise((resolve) => setTimeout(resolve, BOUNDS.liveMs));
    }
    await writer.close();
  } catch {
    // The browser has left, or the object is out of reach: the browser asks again.
    await writer.abort().catch(() => {});
  }
}

function eventOf({ id, html }: Section): string {
  return `event: section\ndata: ${JSON.stringify({ id, html })}\n\n`;
}
