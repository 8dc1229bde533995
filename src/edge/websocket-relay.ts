// Joins a client's WebSocket with a replica's, message by message, until both are closed.
//
// Each direction is closed by itself. A Close is passed on after the messages that came before it. It is answered with the other side's own Close, after
// the messages that the other side still had under way.
import { BOUNDS } from "../limits.ts";

export interface WebSocketRelay {
  readonly upstream: Response;
  readonly headers: Headers;
  /** The replica has closed. */
  readonly whole: () => void;
  /** The connection is over, and nobody failed. */
  readonly release: () => void;
  /** The replica broke off. */
  readonly broken: () => void;
}

interface Close {
  readonly code: number;
  readonly reason: string;
}

/** In the runtime's error for a message that was too large. The runtime has told the sender and ended that connection. */
const TOO_LARGE = "protocolError.statusCode = 1009";
const TOO_LARGE_CLOSE: Close = { code: 1009, reason: "a message of more than 32 MiB" };
const BROKE_OFF: Close = { code: 1011, reason: "the other side broke off" };

/**
 * The slot is held until the replica has closed, or the client has gone, or BOUNDS.closeHandshakeMs after the client's Close. The runtime has no
 * back-pressure between WebSockets and reads as fast as it can. So only the runtime's limit on messages and the isolate's memory bound what a slow side
 * has not taken yet.
 */
export function relayWebSocket({ upstream, headers, whole, release, broken }: WebSocketRelay, replica: WebSocket): Response {
  const { 0: outer, 1: client } = new WebSocketPair();
  const [fromClient, fromReplica] = [new Side(client), new Side(replica)];
  let told = false;
  /** Only the first news of the slot counts. */
  const tell = (news: () => void) => {
    if (!told) news();
    told = true;
  };
  fromClient.joinTo(fromReplica, {
    closed: () => {},
    broke: () => tell(release),
    unanswered: () => tell(release),
  });
  fromReplica.joinTo(fromClient, {
    closed: () => tell(whole),
    broke: (tooLarge) => tell(tooLarge || fromClient.over ? release : broken),
    unanswered: () => {},
  });
  return new Response(null, { status: upstream.status, headers, webSocket: outer });
}

interface Ends {
  /** This side's Close came. */
  readonly closed: () => void;
  /** This side ended without a Close. */
  readonly broke: (tooLarge: boolean) => void;
  /** The other side did not answer this side's Close in time. */
  readonly unanswered: () => void;
}

class Side {
  readonly #socket: WebSocket;
  /** Nothing more comes from this side. */
  over = false;
  /** This side was sent a Close, or is gone: nothing more goes to it. */
  #closed = false;
  #unanswered: ReturnType<typeof setTimeout> | null = null;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    // Without allowHalfOpen the runtime answers a Close at once and drops what is sent to that side later.
    socket.accept({ allowHalfOpen: true });
  }

  joinTo(other: Side, { closed, broke, unanswered }: Ends): void {
    this.#socket.addEventListener("message", ({ data }) => other.#send(data));
    this.#socket.addEventListener("close", ({ code, reason }) => {
      if (code === 1006) return this.#goneFrom(other, BROKE_OFF, () => broke(false));
      if (!this.#ends()) return;
      closed();
      other.#close({ code, reason });
      if (other.over) return;
      other.#unanswered = setTimeout(() => {
        unanswered();
        this.#close({ code, reason });
      }, BOUNDS.closeHandshakeMs);
    });
    this.#socket.addEventListener("error", ({ message }) => {
      const tooLarge = message.includes(TOO_LARGE);
      this.#goneFrom(other, tooLarge ? TOO_LARGE_CLOSE : BROKE_OFF, () => broke(tooLarge));
    });
  }

  /** False: this side was over before. */
  #ends(): boolean {
    if (this.over) return false;
    this.over = true;
    if (this.#unanswered !== null) clearTimeout(this.#unanswered);
    return true;
  }

  #goneFrom(other: Side, close: Close, broke: () => void): void {
    if (!this.#ends()) return;
    broke();
    other.#close(close);
    this.#close(close);
  }

  #send(data: string | ArrayBuffer | Blob): void {
    if (!this.#closed) this.#socket.send(data as string | ArrayBuffer);
  }

  /** 1005 means that the Close had no code. It can't be sent. */
  #close({ code, reason }: Close): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#socket.readyState === WebSocket.CLOSED) return;
    try {
      if (code === 1005) this.#socket.close();
      else this.#socket.close(code, reason);
    } catch (error) {
      console.warn(JSON.stringify({ message: "a WebSocket did not close", code, error: String(error) }));
    }
  }
}
