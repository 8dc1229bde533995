// Replicas that only wait: one server each, every answer after the same time. The hint that was asked for comes to the front of what is held, and the hint
// at the end is another after each answer.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { seeded } from "../../simulate/random.ts";
import type { Listening, Replicas } from "../rate.ts";
import { serve } from "./child.ts";

await serve(async ({ replicas, hintSlots, hints, serviceMs }: Replicas): Promise<readonly Listening[]> => {
  const random = seeded(1);
  const anyHint = () => `hint-${1 + Math.floor(random() * hints)}`;
  const start = async (): Promise<Listening> => {
    const held = new Set<string>();
    while (held.size < hintSlots) held.add(anyHint());
    const first = [...held];
    const serveHint = (hint: string | undefined) => {
      if (hint !== undefined) held.delete(hint);
      const kept = [...held].slice(0, hintSlots - 2);
      held.clear();
      for (const its of [...(hint === undefined ? [] : [hint]), ...kept, anyHint()]) held.add(its);
      return [...held].join(",");
    };
    const server = createServer((request, response) => {
      const fromMs = performance.now();
      setTimeout(() => {
        const said = serveHint(request.headers["x-fal-runner-hint"]?.toString());
        response.writeHead(200, { "x-fal-runner-hints": said, "x-held-ms": (performance.now() - fromMs).toFixed(2) }).end("{}");
      }, serviceMs);
    });
    server.keepAliveTimeout = 0;
    await once(server.listen(0, "127.0.0.1", 1024), "listening");
    return { port: (server.address() as AddressInfo).port, hints: first };
  };
  return Promise.all(Array.from({ length: replicas }, start));
});
