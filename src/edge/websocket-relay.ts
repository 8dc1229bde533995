// Joins two WebSockets.
export interface WebSocketRelay {
  readonly upstream: Response;
  readonly headers: Headers;
  readonly whole: () => void;
  readonly release: () => void;
  readonly broken: () => void;
}

/**
 * Joins two WebSockets until either closes. There is no back-pressure between WebSockets in the runtime, which reads as fast as
 * it can: what a slow side has not taken yet is bounded by the runtime's own limit on messages and the isolate's memory.
 */
export function relayWebSocket({ upstream, headers, whole, release, broken }: WebSocketRelay, replica: WebSocket): Response {
  const { 0: outer, 1: inner } = new WebSocketPair();
  for (const socket of [replica, inner]) {
    socket.binaryType = "arraybuffer";
    socket.accept();
  }
  joinOneWay(inner, replica, whole, release);
  joinOneWay(replica, inner, whole, broken);
  return new Response(null, { status: upstream.status, headers, webSocket: outer });
}

function joinOneWay(from: WebSocket, to: WebSocket, closed: () => void, brokeOff: () => void): void {
  from.addEventListener("message", (event) => {
    if (to.readyState === WebSocket.OPEN) to.send(event.data);
  });
  from.addEventListener("close", (event) => {
    if (event.code === 1006) brokeOff();
    else closed();
    close(to, event.code, event.reason);
    close(from, event.code, event.reason);
  });
  from.addEventListener("error", () => {
    brokeOff();
    close(to, 1011, "the other side broke off");
  });
}

/** 1005 and 1006 say that no code came; they can't be sent, and a normal or abnormal end says the same. */
function close(socket: WebSocket, code: number, reason: string): void {
  if (socket.readyState === WebSocket.CLOSED) return;
  try {
    if (code === 1005) socket.close();
    else if (code === 1006) socket.close(1011, "the other side broke off");
    else socket.close(code, reason);
  } catch (error) {
    console.warn(JSON.stringify({ message: "a WebSocket did not close", code, error: String(error) }));
  }
}
