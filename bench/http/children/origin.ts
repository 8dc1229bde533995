// A replica that does nothing: answers everything at once. /large is as many bytes as it is told.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { serve } from "./child.ts";

await serve(async ({ largeBytes, answer }: { readonly largeBytes: number; readonly answer: string }) => {
  const large = Buffer.alloc(largeBytes);
  const server = createServer((request, response) => {
    request.resume();
    request.on("end", () => response.end(request.url === "/large" ? large : answer));
  });
  server.keepAliveTimeout = 0;
  await once(server.listen(0, "127.0.0.1"), "listening");
  return (server.address() as AddressInfo).port;
});
