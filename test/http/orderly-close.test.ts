// A client that closes its connection in an orderly way is not seen to go before something is written to it.
import { expect, test } from "vitest";
import { TestReplica } from "../support/replica.ts";
import { TestRouter } from "../support/router.ts";
import { until } from "../support/until.ts";
import { rawRequest } from "../support/wire.ts";

/** So often the slot is looked at. */
const LOOKS = 40;

test("a client that closes before the headers keeps its slot until the replica's first bytes", async () => {
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  await using replica = await TestReplica.start(async (_request, response) => {
    await begun;
    response.writeHead(200);
    const timer = setInterval(() => response.write("data\n"), 10);
    response.on("close", () => clearInterval(timer));
  });
  await using router = await TestRouter.start();
  await router.join({ app: "a", replica: "r", origin: replica.origin });
  const socket = await rawRequest(router.port, "/a/x");
  await until("it is there", () => replica.running === 1);
  socket.destroy();
  for (let look = 0; look < LOOKS; look++) expect((await router.view("a")).in_flight).toBe(1);
  expect(replica.running).toBe(1);
  begin();
  await until("the slot is free", async () => (await router.view("a")).in_flight === 0);
  await until("the request is cancelled at the replica", () => replica.running === 0);
});
