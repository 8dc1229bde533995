// A real HTTP replica for the tests that run inside workerd, which can't listen themselves. `/stream` sends a chunk every 20 ms until
// it has sent as many as `chunks` asks for; anything else is answered at once.
import type { TestProject } from "vitest/node";
import { TestReplica } from "./replica.ts";

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const replica = await TestReplica.start((request, response) => {
    const url = new URL(request.url ?? "/", "http://replica");
    if (url.pathname !== "/stream") {
      response.end("ok");
      return;
    }
    let left = Number(url.searchParams.get("chunks"));
    response.writeHead(200);
    const timer = setInterval(() => {
      if (left-- > 0) response.write("chunk\n");
      else response.end();
    }, 20);
    response.on("close", () => clearInterval(timer));
  });
  project.provide("replicaOrigin", replica.origin);
  return () => replica[Symbol.asyncDispose]();
}
