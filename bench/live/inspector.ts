// What the router's isolate still holds once garbage is collected, by workerd's inspector (the Chrome DevTools Protocol). Resident memory
// alone does not tell a leak from garbage that V8 has not yet thought worth collecting.
import { once } from "node:events";
import { WebSocket } from "ws";

const PATIENCE_MS = 10_000;

/**
 * Bytes held by a Worker and its objects, which share an isolate: of objects, of what the runtime holds for them, and of array buffers,
 * which are kept bodies and answers. An isolate hears its inspector only while it has something to do, so it must have requests meanwhile.
 * Throws where there is no answer in time.
 */
export async function heapBytesCollected(inspectorPort: number, service: string): Promise<number> {
  const signal = AbortSignal.timeout(PATIENCE_MS);
  const socket = new WebSocket(`ws://127.0.0.1:${inspectorPort}/${service}`);
  // Given up while it connects, it complains once more.
  socket.on("error", () => {});
  try {
    await once(socket, "open", { signal });
    // Each when the one before is answered: finalisers run in between, and the second collects what they have released.
    await call(1, "HeapProfiler.collectGarbage");
    await call(2, "HeapProfiler.collectGarbage");
    const usage = await call(3, "Runtime.getHeapUsage");
    return ["usedSize", "embedderHeapUsedSize", "backingStorageSize"].reduce((sum, name) => sum + Number(usage[name]), 0);
  } finally {
    socket.terminate();
  }

  async function call(id: number, method: string): Promise<Readonly<Record<string, unknown>>> {
    socket.send(JSON.stringify({ id, method, params: {} }));
    for (;;) {
      const [data] = (await once(socket, "message", { signal })) as [Buffer];
      const answer = JSON.parse(data.toString()) as {
        id?: number;
        result?: Record<string, unknown>;
        error?: { message: string };
      };
      if (answer.error !== undefined) throw new Error(`${method}: ${answer.error.message}`);
      if (answer.id === id) return answer.result ?? {};
    }
  }
}
