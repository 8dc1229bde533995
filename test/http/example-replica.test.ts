// The example's replica, with a model whose load and drawings end when the test says: it serves one request at a time, in order of arrival.
import { once } from "node:events";
import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ModelCache } from "../../examples/any-model/models.ts";
import { send } from "../../examples/any-model/sample.ts";
import { imageHandler } from "../../examples/any-model/server.ts";
import { until } from "../support/until.ts";

let replica: ReturnType<typeof imageHandler>;
let server: Server;
let url: string;
/** What the replica has begun, in order. Each drawing ends by its own function. */
let begun: string[];
let drawings: (() => void)[];

beforeEach(async () => {
  [begun, drawings] = [[], []];
  const models = new ModelCache(2, (name) => {
    begun.push(`load ${name}`);
    return Promise.resolve({
      draw(prompt: string) {
        begun.push(`draw ${prompt}`);
        return new Promise<string>((resolve) => drawings.push(() => resolve("<svg/>")));
      },
    });
  });
  replica = imageHandler(
    models,
    1,
    () => false,
    () => {},
  );
  server = createServer(replica.handle);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});
afterEach(() => server.close().closeAllConnections());

const ask = (model: string, prompt: string) => send(url, { model, prompt }, AbortSignal.timeout(20_000));
const arrived = (count: number) => until(`${count} requests are there`, () => replica.inFlight() === count);

test("a second request waits in line, whatever it asks for, and finds loaded what the first has loaded", async () => {
  const first = ask("sdxl", "one");
  await until("the first draws", () => drawings.length === 1);
  const second = ask("sdxl", "two");
  await arrived(2);
  const third = ask("flux", "three");
  await arrived(3);
  expect(begun).toEqual(["load sdxl", "draw one"]);
  drawings[0]?.();
  expect((await first).loadMs).not.toBeNull();
  await until("the second draws", () => drawings.length === 2);
  expect(begun).toEqual(["load sdxl", "draw one", "draw two"]);
  drawings[1]?.();
  expect(await second).toMatchObject({ status: 200, loadMs: null });
  await until("the third draws", () => drawings.length === 3);
  drawings[2]?.();
  expect(await third).toMatchObject({ status: 200, loadMs: expect.any(Number) });
});

test("for a client that has left the line nothing is loaded or drawn, and those behind it move up", async () => {
  const first = ask("sdxl", "one");
  await until("the first draws", () => drawings.length === 1);
  const leaver = request(url, { method: "POST" }).on("error", () => {});
  leaver.end('{"model":"flux","prompt":"two"}');
  await arrived(2);
  const last = ask("sdxl", "three");
  await arrived(3);
  leaver.destroy();
  const connections = () => new Promise<number>((resolve) => server.getConnections((_, count) => resolve(count)));
  await until("the replica sees that it has left", async () => (await connections()) === 2);
  drawings[0]?.();
  await first;
  await until("the last draws", () => drawings.length === 2);
  drawings[1]?.();
  expect(await last).toMatchObject({ status: 200, loadMs: null });
  expect(begun).toEqual(["load sdxl", "draw one", "draw three"]);
  expect(replica.inFlight()).toBe(0);
});
