// A client's WebSocket: hears who serves it, has a few messages sent back, and asks to be closed.
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { text } from "node:stream/consumers";
import { WebSocket } from "ws";
import { codeOf, errorOf, headersOf, type Came, type Sending, type Way } from "./sending.ts";
import type { Signed } from "./proof.ts";
import { CLOSE_CODE, CLOSE_WORD } from "./replica-socket.ts";

const MESSAGES = 3;

/** `send` for a WebSocket: a 101 and all messages echoed count as a 200 that is whole. Never fails. */
export async function openSocket(sending: Sending, { port, patienceMs, signal }: Way): Promise<Came> {
  const { asked, leaving, target } = sending;
  const sentMs = performance.now();
  const seen: { response: IncomingMessage | null; headersMs: number | null; left: boolean } = {
    ...{ response: null, headersMs: null, left: false },
  };
  const socket = new WebSocket(`ws://127.0.0.1:${port}${target}`, { headers: headersOf(sending) });
  let failure: string | null = null;
  let body = "";
  const over = new AbortController();
  const untilEnd = AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]);
  const untilClosed = AbortSignal.any([untilEnd, over.signal]);
  const answered = (response: IncomingMessage) => Object.assign(seen, { response, headersMs: performance.now() });
  socket.on("upgrade", answered);
  socket.on("unexpected-response", (_request, response: IncomingMessage) => {
    answered(response);
    text(response)
      .then((read) => (body = read))
      .catch(() => {})
      .finally(() => over.abort());
  });
  socket.on("error", (error) => (failure = codeOf(error)));
  socket.on("close", () => over.abort());
  const timer = leaving?.when === "after" ? setTimeout(() => leave(), leaving.ms) : null;
  let proof: Signed | string | null = null;
  try {
    proof = await talk();
  } catch (error) {
    failure ??= codeOf(error);
  }
  if (timer !== null) clearTimeout(timer);
  socket.terminate();
  const headers = Object.fromEntries(Object.entries(seen.response?.headers ?? {}).map(([name, value]) => [name, String(value)]));
  const status = seen.response?.statusCode ?? null;
  const refused = status !== null && status !== 101;
  const end = seen.left
    ? "left"
    : proof !== null || refused
      ? "answered"
      : over.signal.aborted || failure !== null
        ? "broken"
        : "unanswered";
  return {
    ...{ sentMs, endedMs: performance.now(), end, headersMs: seen.headersMs, headers, proof },
    status: status === 101 ? 200 : status,
    ...errorOf(headers, body),
    cause: end === "answered" ? null : failure,
  };

  function leave(): void {
    seen.left = true;
    socket.terminate();
  }

  async function talk(): Promise<Signed | string> {
    const [first] = (await once(socket, "message", { signal: untilClosed })) as [Buffer];
    const signed = JSON.parse(first.toString()) as Signed;
    if (signed.key !== asked.key || signed.app !== asked.app) return `it answers ${first.toString()}`;
    for (let number = 0; number < MESSAGES; number++) {
      const text = `${asked.key} ${number}`;
      socket.send(text);
      const [echo] = (await once(socket, "message", { signal: untilClosed })) as [Buffer];
      if (echo.toString() !== text) return `it sent ${echo.toString()} instead of ${text}`;
      if (leaving?.when === "mid_answer") leave();
    }
    const closed = once(socket, "close", { signal: untilEnd }) as Promise<[number]>;
    socket.send(CLOSE_WORD);
    const [code] = await closed;
    // No close frame came: the connection broke, like an answer that breaks off.
    if (code === 1006) throw new Error("closed without a word");
    return code === CLOSE_CODE ? signed : `it was closed with ${String(code)} instead of ${CLOSE_CODE}`;
  }
}
