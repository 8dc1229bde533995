// What the router's isolate still holds once garbage is collected, by workerd's inspector (the Chrome DevTools Protocol). Resident memory
// alone does not tell a leak from garbage that V8 has not yet thought worth collecting.
import { on, once } from "node:events";
import { WebSocket } from "ws";

interface Answer {
  /** None: nobody asked. */
  readonly id?: number;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

/** Bytes: of objects, of what the runtime holds for them, and of array buffers, which are kept bodies and answers. */
interface HeapUsage {
  readonly usedSize: number;
  readonly embedderHeapUsedSize: number;
  readonly backingStorageSize: number;
}

const PATIENCE_MS = 10_000;
/** Each when the one before is answered: finalisers run in between, and the second collects what they have released. */
const ASKED = ["HeapProfiler.collectGarbage", "HeapProfiler.collectGarbage", "Runtime.getHeapUsage"] as const;

/**
 * Bytes held by a Worker and its objects, which share an isolate. An isolate hears its inspector only while it has something to do, so it
 * must have requests meanwhile. Throws where there is no answer in time.
 */
export async function heapBytesCollected(inspectorPort: number, service: string): Promise<number> {
  const signal = AbortSignal.timeout(PATIENCE_MS);
  const socket = new WebSocket(`ws://127.0.0.1:${inspectorPort}/${service}`);
  // Given up while it connects, it complains once more.
  socket.on("error", () => {});
  try {
    await once(socket, "open", { signal });
    const messages = on(socket, "message", { signal, close: ["close"] });
    const ask = (id: number) => socket.send(JSON.stringify({ id, method: ASKED[id], params: {} }));
    ask(0);
    for await (const [data] of messages as AsyncIterable<[Buffer]>) {
      const { id, result, error } = JSON.parse(data.toString()) as Answer;
      if (id === undefined) continue;
      if (error !== undefined) throw new Error(`${ASKED[id]}: ${error.message}`);
      if (id === ASKED.length - 1) return bytesOf(result as HeapUsage);
      ask(id + 1);
    }
    throw new Error("the inspector has hung up");
  } finally {
    socket.terminate();
  }
}

function bytesOf({ usedSize, embedderHeapUsedSize, backingStorageSize }: HeapUsage): number {
  return usedSize + embedderHeapUsedSize + backingStorageSize;
}
