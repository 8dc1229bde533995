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

const PATIENCE_MS = 10_000;
/** Each when the one before is answered: finalisers run in between, and the second collects what they have released. */
const ASKED = ["HeapProfiler.collectGarbage", "HeapProfiler.collectGarbage", "Runtime.getHeapUsage"] as const;

/** Bytes of the JavaScript heap of a Worker and its objects, which share an isolate. Throws where the inspector gives no answer in time. */
export async function heapBytesCollected(inspectorPort: number, service: string): Promise<number> {
  const signal = AbortSignal.timeout(PATIENCE_MS);
  const socket = new WebSocket(`ws://127.0.0.1:${inspectorPort}/${service}`);
  try {
    await once(socket, "open", { signal });
    const messages = on(socket, "message", { signal });
    const ask = (id: number) => socket.send(JSON.stringify({ id, method: ASKED[id], params: {} }));
    ask(0);
    for await (const [data] of messages as AsyncIterable<[Buffer]>) {
      const { id, result, error } = JSON.parse(data.toString()) as Answer;
      if (id === undefined) continue;
      if (error !== undefined) throw new Error(`${ASKED[id]}: ${error.message}`);
      if (id === ASKED.length - 1) return (result as { readonly usedSize: number }).usedSize;
      ask(id + 1);
    }
    throw new Error("the inspector has hung up");
  } finally {
    socket.terminate();
  }
}
