// Whether a request is to become a WebSocket, and whether its handshake is one that the runtime will accept.

/** Whether a request is to become a WebSocket. Any other protocol in `Upgrade`, and a list of several, is ignored. */
export function asksForWebSocket(headers: Headers): boolean {
  // toLowerCase would make a k of the Kelvin sign, and the runtime does not.
  return /^websocket$/i.test(headers.get("upgrade") ?? "");
}

/**
 * What is wrong with a WebSocket's handshake (RFC 6455 4.2.1); null: nothing. The runtime checks a handshake only once the router answers 101, and does
 * not tell the router of a refusal: the replica's WebSocket would stay open and its slot taken. The runtime does not tell either when a client goes that
 * sent a body along. A request from another Worker may have no `Connection`. Such a Worker must send version and key itself, because the runtime adds
 * them only to requests over the network.
 */
export function webSocketFault({ method, headers, body }: Request): string | null {
  if (method !== "GET") return "Upgrade: websocket goes with GET alone";
  if (!/(^|,)\s*upgrade\s*(,|$)/i.test(headers.get("connection") ?? "upgrade")) return "Connection: must name upgrade";
  if (headers.get("sec-websocket-version") !== "13") return "Sec-WebSocket-Version: must be 13";
  if (!/^[A-Za-z0-9+/]{22}==$/.test(headers.get("sec-websocket-key") ?? "")) {
    return "Sec-WebSocket-Key: must be one key of 16 bytes in base64";
  }
  if (body !== null && headers.get("content-length") !== "0") return "Upgrade: websocket goes without a body";
  return null;
}
